import { useEffect, useRef } from 'preact/hooks';
import type { Mosaic } from '../lib/mosaic.js';

/** Draws a mosaic; the style sheet scales it without interpolation. */
export function MosaicImage({
  mosaic,
  label,
  class: name = '',
}: {
  mosaic: Mosaic;
  label: string;
  class?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current
      ?.getContext('2d')
      ?.putImageData(new ImageData(mosaic.rgba, mosaic.width, mosaic.height), 0, 0);
  }, [mosaic]);
  return (
    <canvas
      ref={canvas}
      class={`pixels ${name}`}
      width={mosaic.width}
      height={mosaic.height}
      role="img"
      aria-label={label}
    />
  );
}
