import { ApiError } from '@fleetward/protocol';
import { placed, withoutPlace } from './text-place.ts';

/** Names the file in a refusal of its document: the platform does not know where it came from. Throws `ApiError`. */
export async function namingFile<Result>(
  document: { readonly file: string; readonly text: string },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof ApiError) || cause.problem?.code !== 'policy.invalid') throw cause;
    const { problem } = cause;
    const detail = placed(problem.detail, document);
    const errors = problem.errors?.map((error) => ({ ...error, message: withoutPlace(error.message) }));
    throw new ApiError(cause.code, detail, {
      cause,
      problem: { ...problem, detail, ...(errors === undefined ? {} : { errors }) },
    });
  }
}
