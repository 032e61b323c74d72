import { readFileSync } from 'node:fs';
import { type Agent, type ClientRequest, request } from 'node:http';

/** Mean duration of a connection; durations vary from 0.5 to 1.5 times this. */
const CONNECTED_MS = 20_000;
/** Clock ticks per second in /proc. */
const TICKS = 100;

/** Follows the events of a run, loses its connection now and then, and reconnects with its last id. */
export class Client {
  lines = 0;
  missed = 0;
  doubled = 0;
  connections = 0;
  resets = 0;
  refused = 0;
  lastStep: number | undefined;
  #id = '';
  #request: ClientRequest | undefined;
  #ended = false;

  constructor(
    readonly address: URL,
    readonly agent: Agent,
  ) {}

  async run(): Promise<void> {
    while (!this.#ended) {
      this.connections++;
      await this.#connect(CONNECTED_MS * (0.5 + Math.random()));
    }
  }

  #connect(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const headers = this.#id === '' ? {} : { 'Last-Event-ID': this.#id };
      const sent = request(this.address, { headers, agent: this.agent });
      this.#request = sent;
      const timer = setTimeout(() => sent.destroy(), ms);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      sent.on('error', end);
      sent.on('response', (response) => {
        if (response.statusCode !== 200) this.refused++;
        let text = '';
        response.on('error', end).on('close', end);
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
          const blocks = text.split('\n\n');
          text = blocks.pop()!;
          for (const block of blocks) this.#take(block);
        });
      });
      sent.end();
    });
  }

  #take(block: string): void {
    const id = /^id: (.+)$/m.exec(block)?.[1];
    if (id === undefined) return;
    this.#id = id;
    if (block.includes('\nevent: reset\n')) {
      this.resets++;
      this.lastStep = undefined;
    }
    if (!block.includes('\nevent: step\n')) return;
    const step = Number(/"step":(\d+)/.exec(block)![1]);
    this.lines++;
    if (this.lastStep !== undefined) {
      if (step <= this.lastStep) this.doubled++;
      else this.missed += step - this.lastStep - 1;
    }
    this.lastStep = step;
  }

  end(): void {
    this.#ended = true;
    this.#request?.destroy();
  }
}

/** CPU seconds used by a process; undefined without /proc. */
export function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return undefined;
  }
}
