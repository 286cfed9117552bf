// @peculiar/x509 wants the metadata reflection of old decorators at load time, which no package here brings along.
// This is as much of it as its container asks for.
const store = new WeakMap<object, Map<unknown, unknown>>();

const metadata = {
  getMetadata: (key: unknown, target: object) => store.get(target)?.get(key),
  getOwnMetadata: (key: unknown, target: object) => store.get(target)?.get(key),
  defineMetadata(key: unknown, value: unknown, target: object) {
    store.set(target, (store.get(target) ?? new Map<unknown, unknown>()).set(key, value));
  },
};

Object.assign(Reflect, metadata);
