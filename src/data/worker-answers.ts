import { parentPort } from 'node:worker_threads';
import { errorToPlain, type PlainError } from '../errors/errors.js';

/** What a pool sends to its threads. */
export interface WorkerRequest<Question> {
  readonly id: number;
  readonly question: Question;
}

/** What comes back, with the request's number. */
export type WorkerReply<Answer> =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: PlainError };

/**
 * Answers the requests of a pool, one after another; does nothing outside of a worker thread.
 *
 * @param handedOver the buffers of an answer that are not copied
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
