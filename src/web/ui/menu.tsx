import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/**
 * A button that opens a panel. Escape closes it and returns the focus to the button; a click or the focus elsewhere
 * closes it too.
 *
 * @param right whether the panel's right edge is below the button's
 */
export function Menu({
  title,
  right = false,
  children,
}: {
  title: string;
  right?: boolean;
  children: ComponentChildren;
}) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const element = menu.current;
    if (!open || !element) return;
    const outside = ({ target }: Event): void => {
      if (target instanceof Node && !element.contains(target)) element.open = false;
    };
    const key = (event: KeyboardEvent): void => {
      // A dialog above the menu closes first.
      if (event.key !== 'Escape' || document.querySelector('dialog[open]')) return;
      element.open = false;
      element.querySelector('summary')?.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', key);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', key);
    };
  }, [open]);
  return (
    <details
      ref={menu}
      class={right ? 'menu menu-right' : 'menu'}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      <div class="menu-body">{children}</div>
    </details>
  );
}

/** A list of checkboxes; `onChange` gets the chosen names in the order in which they were chosen. */
export function CheckList({
  names,
  chosen,
  onChange,
  label,
}: {
  names: readonly string[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
  label: (name: string) => ComponentChildren;
}) {
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <label class="check">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) =>
                onChange(
                  event.currentTarget.checked ? [...chosen, name] : chosen.filter((each) => each !== name),
                )
              }
            />
            {label(name)}
          </label>
        </li>
      ))}
    </ul>
  );
}

/** A field that searches a list in a menu. */
export function SearchField({
  label,
  value,
  onInput,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
}) {
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}
