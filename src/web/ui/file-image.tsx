import { useEffect, useRef } from 'preact/hooks';

const SIDE = 224;

/** A small preview of a dropped file, decoded by the browser. */
export function FileImage({ file, label }: { file: File; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let wanted = true;
    createImageBitmap(file).then(
      (bitmap) => {
        const context = canvas.current?.getContext('2d');
        if (wanted && context) {
          const side = Math.min(bitmap.width, bitmap.height);
          const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
          context.drawImage(bitmap, left, top, side, side, 0, 0, SIDE, SIDE);
        }
        bitmap.close();
      },
      // Not a valid image: the server's answer reports it.
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [file]);
  return (
    <canvas ref={canvas} class="chosen-image" width={SIDE} height={SIDE} role="img" aria-label={label} />
  );
}
