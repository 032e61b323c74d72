import type { Device, Engine, Plan } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { OneDnnEngine } from '../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { WasmEngine } from '../../src/backend/wasm/engine.js';
import type { Graph } from '../../src/graph/graph.js';
import type { TypedArray } from '../../src/graph/types.js';

/** Engines whose results do not depend on whether a number is a constant of the plan. */
export const ENGINES: Readonly<Record<string, () => Engine>> = {
  reference: () => new ReferenceEngine(),
  wasm: () => new WasmEngine({ threads: 2 }),
  onednn: () => new OneDnnEngine({ threads: 2 }),
};

/** Notes what an engine compiles, and which of it is still held. */
export function watched(engine: Engine): {
  readonly engine: Engine;
  readonly graphs: Graph[];
  readonly held: Set<Plan>;
} {
  const graphs: Graph[] = [];
  const held = new Set<Plan>();
  const compile = engine.compile.bind(engine);
  engine.compile = (graph) => {
    graphs.push(graph);
    const plan = compile(graph);
    const dispose = plan.dispose.bind(plan);
    held.add(plan);
    plan.dispose = () => {
      held.delete(plan);
      dispose();
    };
    return plan;
  };
  return { engine, graphs, held };
}

/** Compiles each graph anew, with its numbers as constants. */
export class Constant extends InlineDevice {
  constructor(readonly engine: Engine) {
    super(engine);
  }

  override async run(...[, graph, feeds, storages]: Parameters<Device['run']>): ReturnType<Device['run']> {
    const plan = this.engine.compile(graph);
    // At once, before later requests; the programs here pass no promises.
    const results = plan.run(feeds as readonly TypedArray[], storages);
    plan.dispose();
    return results;
  }
}
