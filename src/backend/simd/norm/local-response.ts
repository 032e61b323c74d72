import { type Formula, f } from '../../../ops/formula.js';
import { V } from '../../../webassembly/instructions.js';
import {
  add,
  bitsOf,
  div,
  type Int,
  less,
  max,
  min,
  mul,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { roundUp } from '../gemm/kernel.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { render } from '../render.js';

/** Local response normalisation of [images, channels, area], with the attributes of the operation. */
export interface LocalResponse {
  readonly images: number;
  readonly channels: number;
  /** Elements per channel of an image. */
  readonly area: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

const ARGS = [
  'gradient',
  'x',
  'y',
  'own',
  'ownBytes',
  'channels',
  'area',
  'blocks',
  'before',
  'after',
  'scale',
  'k',
  'factor',
] as const;

/** Elements per channel of a piece. */
const BLOCK = 64;
/** For each channel a vector of powers and one of terms. */
const CHANNEL_BYTES = 32;

/** s^−beta; roots are much faster than the general power. */
function inversePower(beta: number): Formula {
  const s = f.input(0);
  const root = f.sqrt(s);
  if (beta === 0.75) return f.div(1, f.mul(root, f.sqrt(root)));
  if (beta === 0.5) return f.div(1, root);
  return f.pow(s, -beta);
}

function encode(beta: number, backward: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(ARGS, (routine, p) => {
    const { code } = routine;
    const plane = routine.let(mul(p.area, 4));
    const [scale, k, factor] = [p.scale, p.k, p.factor].map((bits) => {
      const local = code.vector();
      code.get(bits.local).v(V.splatI32).set(local);
      return local;
    }) as [number, number, number];
    const own = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const sum = code.vector();

    /** Visits the channels of a window from `first` to `last`, as far as they exist. */
    const window = (first: Int, last: Int, visit: (channel: Variable) => void): void => {
      code.f32(0).set(sum);
      routine.for(max(0, first), min(p.channels, add(last, 1)), 1, visit);
    };
    const offset = (channel: Int, position: Int): Int => add(mul(channel, plane), position);

    const columns = (position: Variable, load: number): void => {
      const store = (address: Int, value: number): void => {
        if (load === V.load) routine.save(address, value);
        else routine.saveLane(address, value);
      };
      /** The scale S of a channel, its power −beta, and the channel's x. */
      const powerOf = (channel: Variable): { x: number; s: number; power: number } => {
        window(sub(channel, p.before), add(channel, p.after), (j) => {
          const value = routine.load(add(p.x, offset(j, position)), 0, load);
          code.get(sum).get(value).get(value).v(V.f32Mul).v(V.f32Add).set(sum);
        });
        const s = code.vector();
        code.get(sum).get(scale).v(V.f32Mul).get(k).v(V.f32Add).set(s);
        return {
          x: routine.load(add(p.x, offset(channel, position)), 0, load),
          s,
          power: render(code, inversePower(beta), [s]),
        };
      };
      routine.for(0, p.channels, 1, (channel) => {
        const { x, s, power } = powerOf(channel);
        if (!backward) {
          code.get(x).get(power).v(V.f32Mul).set(x);
          store(add(p.y, offset(channel, position)), x);
          return;
        }
        const place = routine.let(add(own, mul(channel, CHANNEL_BYTES)));
        const gradient = routine.load(add(p.gradient, offset(channel, position)), 0, load);
        routine.save(place, power);
        code.get(gradient).get(x).v(V.f32Mul).get(power).v(V.f32Mul).get(s).v(V.f32Div).set(x);
        routine.save(place, x, 16);
      });
      if (!backward) return;
      routine.for(0, p.channels, 1, (channel) => {
        // The channels whose windows contain this one.
        window(sub(channel, p.after), add(channel, p.before), (j) => {
          const value = routine.load(add(own, mul(j, CHANNEL_BYTES)), 16);
          code.get(sum).get(value).v(V.f32Add).set(sum);
        });
        const power = routine.load(add(own, mul(channel, CHANNEL_BYTES)));
        const gradient = routine.load(add(p.gradient, offset(channel, position)), 0, load);
        const x = routine.load(add(p.x, offset(channel, position)), 0, load);
        code.get(gradient).get(power).v(V.f32Mul);
        code.get(factor).get(x).v(V.f32Mul).get(sum).v(V.f32Mul).v(V.f32Sub).set(gradient);
        store(add(p.y, offset(channel, position)), gradient);
      });
    };

    routine.for(p.from, p.to, 1, (piece) => {
      const first = routine.let(mul(rem(piece, p.blocks), BLOCK));
      const image = mul(mul(div(piece, p.blocks), p.channels), plane);
      const count = routine.let(min(BLOCK, sub(p.area, first)));
      const position = routine.let(add(image, mul(first, 4)));
      routine.while(less(3, count), () => {
        columns(position, V.load);
        routine.step(position, 16);
        routine.step(count, -4);
      });
      routine.while(less(0, count), () => {
        columns(position, V.load32Splat);
        routine.step(position, 4);
        routine.step(count, -1);
      });
    });
  });
  return module.encodeFor(pages);
}

function normalise(
  pool: KernelPool,
  { images, channels, area, size, alpha, beta, k }: LocalResponse,
  backward: boolean,
  places: (operands: readonly number[]) => { gradient: number; x: number; y: number },
): VectorOperation {
  const blocks = Math.ceil(area / BLOCK);
  const elements = images * channels * area * (size + 8);
  const ownBytes = backward ? roundUp(channels * CHANNEL_BYTES, 64) : 0;
  const threads = pool.divides(elements) ? pool.threads : 1;
  return new VectorOperation(pool, threads * ownBytes, [
    {
      kernel: pool.compile({ localResponse: beta, backward }, (pages) => encode(beta, backward, pages)),
      total: images * blocks,
      piece: Math.max(1, Math.floor(2 ** 14 / Math.max(1, channels * BLOCK))),
      elements,
      args: (operands, scratch) =>
        ordered(ARGS, {
          ...places(operands),
          own: scratch,
          ownBytes,
          channels,
          area,
          blocks,
          before: Math.floor(size / 2),
          after: Math.floor((size - 1) / 2),
          scale: bitsOf(alpha / size),
          k: bitsOf(k),
          factor: bitsOf((2 * alpha * beta) / size),
        }),
    },
  ]);
}

/** y_c = x_c · (k + alpha / size · Σ x_j²)^−beta. Operands of `run`: x, y. */
export const localResponseNorm = (pool: KernelPool, shape: LocalResponse): VectorOperation =>
  normalise(pool, shape, false, ([x, y]) => ({ gradient: 0, x: x!, y: y! }));

/** The gradient with respect to x. Operands of `run`: the gradient of y, x, the gradient of x. */
export const localResponseNormGrad = (pool: KernelPool, shape: LocalResponse): VectorOperation =>
  normalise(pool, shape, true, ([gradient, x, y]) => ({ gradient: gradient!, x: x!, y: y! }));
