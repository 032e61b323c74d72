import type { Language } from '../../../display/languages.js';
import type { ModelDetail } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import type { Translate } from '../../i18n.js';
import { compact, shape, share } from '../../lib/format.js';
import { boxOf, type Layer, type Stage, shortKind, stagesOf } from '../../lib/network.js';

/** The sizes of a network in one line. */
export const networkSum = (
  { sized, inputShape, parameters, multiplyAdds }: ModelDetail,
  t: Translate,
  language: Language,
): string =>
  t(sized ? 'network.sum' : 'network.unknown', {
    input: shape(inputShape),
    parameters: compact(parameters, language),
    cost: compact(multiplyAdds, language),
  });

/**
 * The network in the style of papers: a box for the output of each layer with weights; the face shows the size of the
 * maps, the depth their number. Below each box, its layers as buttons. A network of unknown sizes has no boxes.
 */
export function Network({
  model,
  selected,
  onSelect,
}: {
  model: ModelDetail;
  selected?: string | undefined;
  /** Without it, the layers are text. */
  onSelect?: (name: string) => void;
}) {
  const { t } = useApp();
  const stages = stagesOf(model);
  return (
    <ol class="network" aria-label={t('network.title')}>
      {model.sized && (
        <li class="stage stage-input">
          <BoxImage dims={model.inputShape} active={false} />
          <div class="stage-text">
            <p class="stage-shape num">{shape(model.inputShape)}</p>
            <p class="stage-name">{t('network.input')}</p>
          </div>
        </li>
      )}
      {stages.map((stage) => (
        <li key={stage.layers[0]?.name} class="stage">
          {model.sized && (
            <BoxImage
              dims={stage.layers[0]?.outputShape ?? []}
              active={stage.layers.some(({ name }) => name === selected)}
            />
          )}
          <div class="stage-text">
            {model.sized ? (
              <p class="stage-shape num">{shape(stage.layers[0]?.outputShape ?? [])}</p>
            ) : (
              <p class="stage-name">{stage.layers[0]?.name}</p>
            )}
            <Costs stage={stage} sized={model.sized} />
            <ul class="stage-layers">
              {stage.layers.map((layer) => (
                <li key={layer.name}>
                  <LayerBox
                    layer={layer}
                    pressed={layer.name === selected}
                    {...(onSelect ? { onSelect } : {})}
                  />
                </li>
              ))}
            </ul>
          </div>
        </li>
      ))}
    </ol>
  );
}

function LayerBox({
  layer: { name, kind, settings, parameters },
  pressed,
  onSelect,
}: {
  layer: Layer;
  pressed: boolean;
  onSelect?: (name: string) => void;
}) {
  const look = {
    class: `layer-button kind-${parameters > 0 ? 'weights' : 'plain'}`,
    title: `${name} ${settings}`,
  };
  const text = (
    <>
      <span aria-hidden="true">{shortKind(kind)}</span>
      <span class="visually-hidden">
        {kind} {name}
      </span>
    </>
  );
  if (!onSelect) return <span {...look}>{text}</span>;
  return (
    <button type="button" {...look} aria-pressed={pressed} onClick={() => onSelect(name)}>
      {text}
    </button>
  );
}

/** What bars show: of a network without sizes, the parameters alone. */
const costsOf = (sized: boolean) => (sized ? (['parameters', 'cost'] as const) : (['parameters'] as const));

/** Legend of the bars below each box. */
export function NetworkLegend({ sized }: { sized: boolean }) {
  const { t } = useApp();
  return (
    <p class="network-legend">
      {costsOf(sized).map((key) => (
        <span key={key}>
          <svg width="18" height="4" aria-hidden="true">
            <rect class={`cost-${key}`} width="18" height="4" />
          </svg>
          {t(`network.${key}`)}
        </span>
      ))}
      <span>{t('network.legend')}</span>
    </p>
  );
}

function Costs({ stage, sized }: { stage: Stage; sized: boolean }) {
  const { t, language } = useApp();
  const costs = {
    parameters: [stage.parameters, stage.parameterShare],
    cost: [stage.multiplyAdds, stage.costShare],
  } as const;
  const rows = costsOf(sized).map((key) => [key, ...costs[key]] as const);
  return (
    <dl class="costs">
      {rows.map(([key, value, part]) => (
        <div key={key} title={`${t(`network.${key}`)}: ${share(part)}`}>
          <dt>{t(`network.${key}`)}</dt>
          <dd class="num">{compact(value, language)}</dd>
          <svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
            <rect class="cost-all" width="100" height="3" />
            <rect
              class={`cost-part cost-${key}`}
              width={Math.max(part * 100, value > 0 ? 0.8 : 0)}
              height="3"
            />
          </svg>
        </div>
      ))}
    </dl>
  );
}

const WIDTH = 116;
const HEIGHT = 118;
/** Slope of the depth axis and relative width of a tilted face. */
const TILT = 0.42;

function BoxImage({ dims, active }: { dims: readonly number[]; active: boolean }) {
  const own = dims.length === 4 || dims.length === 2 ? dims.slice(1) : dims;
  const { face, depth } = boxOf(dims);
  const flat = own.length < 3;
  // A layer of units is drawn as an upright rod, maps as a block in perspective.
  const w = flat ? face : face * 0.34;
  const h = flat ? depth : face;
  const lean = flat ? 4 : w * TILT;
  const d = flat ? 6 : depth;
  const x = (WIDTH - (w + d)) / 2;
  // Centred vertically.
  const y = (HEIGHT - h + lean) / 2;
  const front = `M${x} ${y}h${d}v${h}h${-d}z`;
  const top = `M${x} ${y}l${w} ${-lean}h${d}l${-w} ${lean}z`;
  const side = `M${x + d} ${y}l${w} ${-lean}v${h}l${-w} ${lean}z`;
  return (
    <svg class={`box${active ? ' active' : ''}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path class="box-flow" d={`M0 ${HEIGHT / 2}H${WIDTH}`} />
      <path class="box-front" d={front} />
      <path class="box-top" d={top} />
      <path class="box-side" d={side} />
    </svg>
  );
}
