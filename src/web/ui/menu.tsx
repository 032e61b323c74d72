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
