/** A model without a kernel behind it: it keeps the state, and what a view saves goes to `onSave`. */
import type { AnyModel } from "@anywidget/types";
import type { Message, WidgetState } from "../model";

type Listener = (...given: never[]) => void;
type Name = keyof WidgetState;

export class LocalModel implements AnyModel<WidgetState> {
  readonly #state: WidgetState;
  readonly #listeners = new Map<string, Set<Listener>>();
  #changed = new Set<Name>();
  /** What views have changed, after every save. */
  onSave: (changed: ReadonlySet<Name>) => void = () => undefined;
  onMessage: (message: Message) => void = () => undefined;

  constructor(state: WidgetState) {
    this.#state = state;
  }

  /** All of it, as it is now. */
  get state(): Readonly<WidgetState> {
    return this.#state;
  }

  get<K extends Name>(name: K): WidgetState[K] {
    return this.#state[name];
  }

  /** As a view sets it: it counts once it is saved. */
  set<K extends Name>(name: K, value: WidgetState[K]): void {
    this.#changed.add(name);
    this.put(name, value);
  }

  /** As the kernel sets it. */
  put<K extends Name>(name: K, value: WidgetState[K]): void {
    if (Object.is(this.#state[name], value)) return;
    this.#state[name] = value;
    for (const listener of [...(this.#listeners.get(`change:${name}`) ?? [])]) listener();
  }

  save_changes(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    if (changed.size > 0) this.onSave(changed);
  }

  send(content: Message): void {
    this.onMessage(content);
  }

  on(event: string, listener: Listener): void {
    const known = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, known.add(listener));
  }

  off(event?: string | null, listener?: Listener | null): void {
    if (event == null) this.#listeners.clear();
    else if (listener == null) this.#listeners.delete(event);
    else this.#listeners.get(event)?.delete(listener);
  }

  /** A file holds one widget. */
  readonly widget_manager = {
    get_model: (id: string): Promise<never> =>
      Promise.reject(new Error(`there is no other widget in this file, and none named ${id}`)),
  };
}
