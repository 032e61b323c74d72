/** How a worker thread opens its own view of a data set. */
export interface WorkerSpec {
  /** URL of an ES module, e.g. `import.meta.url`. */
  module: string;
  /** Name of an exported function: `(options) => Dataset | Promise<Dataset>`. */
  export: string;
  /** Argument of the function. It is passed by structured clone (a SharedArrayBuffer is shared, not copied). */
  options: unknown;
}
