import { checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { isRecord } from '../errors/is-record.js';
import { modelConfigSchema, trainConfigSchema } from '../run/config.js';
import { expectedBy } from './schema-issue.js';

const schema = trainConfigSchema
  .omit({ version: true, recipe: true, dataset: true, data: true, seed: true, machine: true })
  .extend({ model: modelConfigSchema.omit({ paper: true, classes: true }) });

/**
 * Checks the settings of a recipe, or of a claim's training, by the schema that later reads them from config.json.
 *
 * @param owner such as "The paper mine: recipe short"
 * @throws UsageError that names the field
 */
export function checkRecipe(owner: string, settings: { readonly model: object }): void {
  const { success, data, error } = schema.safeParse(settings);
  if (success) {
    // The schema would drop settings that a schedule does not have.
    const { schedule } = settings as { readonly schedule?: object };
    checkOptionNames(`${owner}: schedule ${data.schedule.kind}`, schedule, Object.keys(data.schedule));
    return;
  }
  const issue = error.issues[0]!;
  const got = issue.path.reduce<unknown>(
    (value, key) => (isRecord(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined),
    settings,
  );
  const name = issue.path.map(String).join('.');
  throw new UsageError({
    what: `${owner}: ${got === undefined ? `${name} is missing` : `${name} cannot be ${shown(got)}`}`,
    expected: expectedBy(issue),
    got: got === undefined ? 'nothing' : shown(got),
    next: `correct ${name}`,
  });
}
