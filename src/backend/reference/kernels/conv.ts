import type { Attrs, Shape } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/** Sizes of a convolution of images `x` with weights `w` into `y`. */
function geometry(x: Shape, w: Shape, y: Shape, attrs: Attrs) {
  const [sh, sw] = attrs.stride as [number, number];
  const [ph, pw] = attrs.padding as [number, number];
  const [dh, dw] = attrs.dilation as [number, number];
  const [n, channels, h, width] = x as [number, number, number, number];
  const [out, perGroup, kh, kw] = w as [number, number, number, number];
  const [, , oh, ow] = y as [number, number, number, number];
  const outPerGroup = out / (attrs.groups as number);
  return { n, channels, h, width, out, perGroup, outPerGroup, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw };
}

/** First and one-past-last output position whose input cell, `position · stride + offset`, is in the image. */
const firstInside = (offset: number, stride: number): number => Math.max(0, Math.ceil(-offset / stride));
const endInside = (offset: number, stride: number, size: number, count: number): number =>
  Math.min(count, Math.floor((size - 1 - offset) / stride) + 1);

const conv2d: Kernel = ({ inputs: [x, w, b], specs: [xSpec, wSpec], output, outputSpec, attrs }) => {
  const g = geometry(xSpec!.shape, wSpec!.shape, outputSpec.shape, attrs);
  const plane = new Float64Array(g.oh * g.ow);
  for (let n = 0; n < g.n; n++)
    for (let o = 0; o < g.out; o++) {
      plane.fill(b ? b[o]! : 0);
      const firstChannel = Math.floor(o / g.outPerGroup) * g.perGroup;
      for (let c = 0; c < g.perGroup; c++) {
        const xAt = (n * g.channels + firstChannel + c) * g.h * g.width;
        for (let i = 0; i < g.kh; i++)
          for (let j = 0; j < g.kw; j++) {
            const weight = w![((o * g.perGroup + c) * g.kh + i) * g.kw + j]!;
            const top = i * g.dh - g.ph;
            const left = j * g.dw - g.pw;
            const bottom = endInside(top, g.sh, g.h, g.oh);
            const first = firstInside(left, g.sw);
            const end = endInside(left, g.sw, g.width, g.ow);
            for (let r = firstInside(top, g.sh); r < bottom; r++) {
              const row = xAt + (r * g.sh + top) * g.width + left;
              for (let q = first; q < end; q++) plane[r * g.ow + q]! += weight * x![row + q * g.sw]!;
            }
          }
      }
      output.set(plane, (n * g.out + o) * plane.length);
    }
};

const conv2dGradInput: Kernel = ({ inputs: [grad, w], specs: [gradSpec, wSpec], output, attrs }) => {
  const g = geometry(attrs.shape as Shape, wSpec!.shape, gradSpec!.shape, attrs);
  const plane = new Float64Array(g.h * g.width);
  for (let n = 0; n < g.n; n++)
    for (let channel = 0; channel < g.channels; channel++) {
      plane.fill(0);
      const firstOut = Math.floor(channel / g.perGroup) * g.outPerGroup;
      for (let o = firstOut; o < firstOut + g.outPerGroup; o++) {
        const gradAt = (n * g.out + o) * g.oh * g.ow;
        for (let i = 0; i < g.kh; i++)
          for (let j = 0; j < g.kw; j++) {
            const weight = w![((o * g.perGroup + (channel % g.perGroup)) * g.kh + i) * g.kw + j]!;
            const top = i * g.dh - g.ph;
            const left = j * g.dw - g.pw;
            const bottom = endInside(top, g.sh, g.h, g.oh);
            const first = firstInside(left, g.sw);
            const end = endInside(left, g.sw, g.width, g.ow);
            for (let r = firstInside(top, g.sh); r < bottom; r++) {
              const row = (r * g.sh + top) * g.width + left;
              for (let q = first; q < end; q++)
                plane[row + q * g.sw]! += weight * grad![gradAt + r * g.ow + q]!;
            }
          }
      }
      output.set(plane, (n * g.channels + channel) * plane.length);
    }
};

const conv2dGradWeight: Kernel = ({ inputs: [grad, x], specs: [gradSpec, xSpec], output, attrs }) => {
  const g = geometry(xSpec!.shape, attrs.shape as Shape, gradSpec!.shape, attrs);
  for (let o = 0, at = 0; o < g.out; o++) {
    const firstChannel = Math.floor(o / g.outPerGroup) * g.perGroup;
    for (let c = firstChannel; c < firstChannel + g.perGroup; c++)
      for (let i = 0; i < g.kh; i++)
        for (let j = 0; j < g.kw; j++) {
          const top = i * g.dh - g.ph;
          const left = j * g.dw - g.pw;
          const bottom = endInside(top, g.sh, g.h, g.oh);
          const first = firstInside(left, g.sw);
          const end = endInside(left, g.sw, g.width, g.ow);
          let sum = 0;
          for (let n = 0; n < g.n; n++) {
            const gradAt = (n * g.out + o) * g.oh * g.ow;
            const xAt = (n * g.channels + c) * g.h * g.width;
            for (let r = firstInside(top, g.sh); r < bottom; r++) {
              const row = xAt + (r * g.sh + top) * g.width + left;
              for (let q = first; q < end; q++) sum += grad![gradAt + r * g.ow + q]! * x![row + q * g.sw]!;
            }
          }
          output[at++] = sum;
        }
  }
};

export const conv: Readonly<Record<string, Kernel>> = { conv2d, conv2dGradInput, conv2dGradWeight };
