import { useEffect, useRef, useState } from 'preact/hooks';

const SIDE = 224;

/** A small preview of a dropped file, decoded by the browser; the name of a file that it cannot show, such as a PPM. */
export function FileImage({ file, label }: { file: File; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [unseen, setUnseen] = useState<File>();
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
      // The server knows more formats; if this is not a valid image, its answer says so.
      () => wanted && setUnseen(file),
    );
    return () => {
      wanted = false;
    };
  }, [file]);
  if (unseen === file) return <p class="chosen-image">{label}</p>;
  return (
    <canvas ref={canvas} class="chosen-image" width={SIDE} height={SIDE} role="img" aria-label={label} />
  );
}
