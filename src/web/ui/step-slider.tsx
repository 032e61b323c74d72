import { useApp } from '../app/context.js';
import { integer } from '../lib/format.js';

/** A slider over steps of a run. @param place index of the shown step */
export function StepSlider({
  steps,
  place,
  onPlace,
}: {
  steps: readonly number[];
  place: number;
  onPlace: (place: number) => void;
}) {
  const { t, language } = useApp();
  const step = integer(steps[place]!, language);
  return (
    <label class="slider wide">
      <span>
        {t('kernels.step')} <output>{step}</output>
      </span>
      <input
        type="range"
        min="0"
        max={steps.length - 1}
        value={place}
        aria-valuetext={t('chart.step', { n: step })}
        onInput={(event) => onPlace(Number(event.currentTarget.value))}
      />
    </label>
  );
}
