import { parentPort } from 'node:worker_threads';
import { errorToPlain, type PlainError } from '../errors/errors.js';

/** Message from a pool to one of its threads. */
export interface WorkerRequest<Question> {
  readonly id: number;
  readonly question: Question;
}

/** Reply of a thread, with the number of the request. */
export type WorkerReply<Answer> =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: PlainError };

/**
 * Answers the requests of a pool one after another; does nothing on the main thread.
 *
 * @param handedOver buffers of an answer to transfer instead of copy
 */
export function answerRequests<Question, Answer>(
  answer: (question: Question) => Promise<Answer>,
  handedOver: (answer: Answer) => ArrayBufferLike[],
): void {
  const port = parentPort;
  const reply = async ({ id, question }: WorkerRequest<Question>) => {
    try {
      const found = await answer(question);
      port?.postMessage(
        { id, answer: found } satisfies WorkerReply<Answer>,
        handedOver(found) as ArrayBuffer[],
      );
    } catch (error) {
      port?.postMessage({ id, error: errorToPlain(error) } satisfies WorkerReply<Answer>);
    }
  };
  let last = Promise.resolve();
  port?.on('message', (request: WorkerRequest<Question>) => {
    last = last.then(() => reply(request));
  });
}
