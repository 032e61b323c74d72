import { useApp } from '../../app/context.js';
import { csvOf, type ExportedChart, svgOf } from '../../lib/chart-export.js';
import { css } from '../css.js';
import { download } from '../download.js';

/** PNG pixels per SVG unit. */
const PNG_SCALE = 2;

/** Exports a chart as displayed, as an image or as CSV. Created in the browser without a request. */
export function ChartSave({ chart }: { chart: ExportedChart }) {
  const { t, showToast } = useApp();
  const name = chart.title.replace(/[^\p{L}\p{N}]+/gu, '-');
  const svg = () => new Blob([svgOf(chart, css)], { type: 'image/svg+xml' });
  const makers = {
    SVG: () => svg(),
    PNG: () => pngOf(svg()),
    // The byte order mark tells spreadsheets that the file is UTF-8.
    CSV: () => new Blob(['\ufeff', csvOf(chart)], { type: 'text/csv;charset=utf-8' }),
  };
  const save = async (kind: keyof typeof makers) => {
    try {
      download(await makers[kind](), `${name}.${kind.toLowerCase()}`);
    } catch {
      showToast({ text: t('save.failed') });
    }
  };
  return (
    <details class="numbers">
      <summary>{t('save.title')}</summary>
      <div class="buttons">
        {(Object.keys(makers) as (keyof typeof makers)[]).map((kind) => (
          <button
            key={kind}
            type="button"
            aria-label={t('save.as', { title: chart.title, kind })}
            onClick={() => void save(kind)}
          >
            {kind}
          </button>
        ))}
      </div>
    </details>
  );
}

async function pngOf(svg: Blob): Promise<Blob> {
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = PNG_SCALE * image.naturalWidth;
    canvas.height = PNG_SCALE * image.naturalHeight;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no image'))), 'image/png');
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
