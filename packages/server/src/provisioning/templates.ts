import type { Clock, Transaction, Transactor } from '@fleetward/core';
import { isConflict } from '../store-error.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { ProvisioningError } from './errors.ts';
import { assertHookUrl, assertTemplateName, assertVersionAddable, type HookRules } from './rules.ts';
import type { ProvisioningStore, TemplateRecord, TemplateVersion, VersionKey } from './store.ts';
import { parseTemplate } from './template/parse-template.ts';
import type { Template } from './template/template.ts';

export interface TemplatesOptions {
  readonly store: ProvisioningStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly settings: HookRules & { readonly templatesMax: number };
}

/** A template as it is in force. */
export interface TemplateInForce extends TemplateRecord {
  readonly template: Template;
}

export type NewTemplate = Pick<TemplateRecord, 'name' | 'mayRejoin' | 'hookUrl'> & { readonly body: string };

/** What an operator wants changed; `null` takes the hook away, what is not named stays. */
export interface TemplateChange {
  readonly defaultVersionId?: number;
  readonly isEnabled?: boolean;
  readonly mayRejoin?: boolean;
  readonly hookUrl?: string | null;
}

/** The provisioning templates, those in force in memory. */
export class Templates {
  readonly #options: TemplatesOptions;
  readonly #inForce = new Map<string, TemplateInForce>();
  // A change is decided on what memory says, which knows of the one before only once it is committed.
  readonly #turns = new Turns();

  private constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  static async open(options: TemplatesOptions): Promise<Templates> {
    const templates = new Templates(options);
    for (const record of await options.store.templates()) {
      const { body } = await templates.version({ name: record.name, versionId: record.defaultVersionId });
      templates.#inForce.set(record.name, { ...record, template: parseTemplate(body) });
    }
    return templates;
  }

  list(): readonly TemplateInForce[] {
    return [...this.#inForce.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** From memory. */
  find(name: string): TemplateInForce | undefined {
    return this.#inForce.get(name);
  }

  /** From memory; throws `provisioning.template_not_found`. */
  get(name: string): TemplateInForce {
    const found = this.find(name);
    if (found === undefined)
      throw new ProvisioningError('provisioning.template_not_found', `there is no template \`${name}\``);
    return found;
  }

  async versions(name: string): Promise<readonly TemplateVersion[]> {
    this.get(name);
    return this.#options.store.versions(name);
  }

  /** Throws `provisioning.version_not_found`. */
  async version({ name, versionId }: VersionKey): Promise<TemplateVersion> {
    const versions = await this.#options.store.versions(name);
    const found = versions.find((version) => version.versionId === versionId);
    if (found === undefined) throw versionNotFound({ name, versionId });
    return found;
  }

  /** Throws `provisioning.template_invalid`, `template_exists`, `hook_refused` or `limit`. */
  async create(wanted: NewTemplate, actor: Actor): Promise<TemplateInForce> {
    const { name, mayRejoin, hookUrl, body } = wanted;
    const { clock, settings } = this.#options;
    assertTemplateName(name);
    const template = parseTemplate(body);
    if (hookUrl !== undefined) assertHookUrl(hookUrl, settings);
    return this.#turns.take('templates', async () => {
      if (this.#inForce.size >= settings.templatesMax) throw limit(settings.templatesMax);
      const hook = hookUrl === undefined ? {} : { hookUrl };
      const at = { createdAtMs: clock.now() };
      const record: TemplateRecord = {
        name,
        defaultVersionId: 1,
        isEnabled: true,
        mayRejoin,
        ...hook,
        ...at,
      };
      await this.#options.transactor.transact(async (tx) => {
        await this.#add(tx, record, { name, versionId: 1, body, ...at });
        await this.#tell(tx, 'provisioning_template.created', record, actor);
        tx.afterCommit(() => this.#inForce.set(name, { ...record, template }));
      });
      return { ...record, template };
    });
  }

  /** In force at once if `setAsDefault`. Throws `provisioning.template_invalid`, `template_not_found` or `version_limit`. */
  async addVersion(
    wanted: { readonly name: string; readonly body: string; readonly setAsDefault: boolean },
    actor: Actor,
  ): Promise<TemplateVersion> {
    const { name, body, setAsDefault } = wanted;
    const template = parseTemplate(body);
    return this.#turns.take('templates', async () => {
      const { template: _, ...record } = this.get(name);
      const { store, trail, clock, transactor } = this.#options;
      return transactor.transact(async (tx) => {
        assertVersionAddable(name, await store.versions(name, tx));
        const versionId = (await store.lastVersionId(tx, name)) + 1;
        const version = { name, versionId, body, createdAtMs: clock.now() };
        await store.addVersion(tx, version);
        const payload = { templateName: name, versionId, setAsDefault };
        await trail.append(tx, { kind: 'provisioning_template.version_created', actor, payload });
        if (setAsDefault) {
          const changed = { ...record, defaultVersionId: versionId };
          await store.updateTemplate(tx, changed);
          tx.afterCommit(() => this.#inForce.set(name, { ...changed, template }));
        }
        return version;
      });
    });
  }

  /** Takes effect with the next request. Throws `provisioning.template_not_found`, `version_not_found` or `hook_refused`. */
  async update(name: string, change: TemplateChange, actor: Actor): Promise<TemplateInForce> {
    if (typeof change.hookUrl === 'string') assertHookUrl(change.hookUrl, this.#options.settings);
    return this.#turns.take('templates', async () => {
      const { template: present, ...record } = this.get(name);
      const changed = changedRecord(record, change);
      const template =
        changed.defaultVersionId === record.defaultVersionId
          ? present
          : parseTemplate((await this.version({ name, versionId: changed.defaultVersionId })).body);
      await this.#options.transactor.transact(async (tx) => {
        await this.#options.store.updateTemplate(tx, changed);
        await this.#tell(tx, 'provisioning_template.updated', changed, actor);
        tx.afterCommit(() => this.#inForce.set(name, { ...changed, template }));
      });
      return { ...changed, template };
    });
  }

  /** Throws `provisioning.default_version` for the one in force. */
  removeVersion({ name, versionId }: VersionKey, actor: Actor): Promise<void> {
    return this.#turns.take('templates', async () => {
      if (this.get(name).defaultVersionId === versionId)
        throw new ProvisioningError(
          'provisioning.default_version',
          `version ${versionId} of template \`${name}\` is in force; put another in force first`,
        );
      await this.#options.transactor.transact(async (tx) => {
        const { store, trail } = this.#options;
        if (!(await store.removeVersion(tx, { name, versionId }))) throw versionNotFound({ name, versionId });
        const payload = { templateName: name, versionId };
        await trail.append(tx, { kind: 'provisioning_template.version_removed', actor, payload });
      });
    });
  }

  /** Throws `provisioning.template_in_use` while something provisions by it; `isInUse` says so from memory. */
  remove(name: string, isInUse: (name: string) => boolean, actor: Actor): Promise<void> {
    return this.#turns.take('templates', async () => {
      this.get(name);
      if (isInUse(name))
        throw new ProvisioningError(
          'provisioning.template_in_use',
          `valid claims or vendor CAs provision by template \`${name}\`; revoke or delete them, or switch it off`,
        );
      await this.#options.transactor.transact(async (tx) => {
        await this.#options.store.removeTemplate(tx, name);
        const payload = { templateName: name };
        await this.#options.trail.append(tx, { kind: 'provisioning_template.removed', actor, payload });
        tx.afterCommit(() => this.#inForce.delete(name));
      });
    });
  }

  /** Runs `work` while no template is changed or removed. */
  hold<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('templates', work);
  }

  async #add(tx: Transaction, record: TemplateRecord, version: TemplateVersion): Promise<void> {
    try {
      await this.#options.store.addTemplate(tx, record, version);
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      const message = `there is a template \`${record.name}\` already`;
      throw new ProvisioningError('provisioning.template_exists', message, { cause });
    }
  }

  async #tell(
    tx: Transaction,
    kind: 'provisioning_template.created' | 'provisioning_template.updated',
    { name, defaultVersionId, isEnabled, mayRejoin, hookUrl }: TemplateRecord,
    actor: Actor,
  ): Promise<void> {
    const hook = hookUrl === undefined ? {} : { hookUrl };
    const payload = { templateName: name, defaultVersionId, isEnabled, mayRejoin, ...hook };
    await this.#options.trail.append(tx, { kind, actor, payload });
  }
}

function changedRecord(record: TemplateRecord, { hookUrl, ...change }: TemplateChange): TemplateRecord {
  const { hookUrl: oldHook, ...rest } = record;
  const hook = hookUrl === undefined ? oldHook : (hookUrl ?? undefined);
  return { ...rest, ...change, ...(hook === undefined ? {} : { hookUrl: hook }) };
}

function versionNotFound({ name, versionId }: VersionKey): ProvisioningError {
  return new ProvisioningError(
    'provisioning.version_not_found',
    `template \`${name}\` has no version ${versionId}`,
  );
}

function limit(max: number): ProvisioningError {
  return new ProvisioningError(
    'provisioning.limit',
    `there are ${max} templates already (setting \`provisioning.templatesMax\`)`,
  );
}
