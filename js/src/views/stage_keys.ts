/** The keyboard's walk over the stage: arrows along tokens and levels. Pure. */
import type { Frame } from "../frame";
import { ARROWS } from "../layout/arrows";
import type { Focus } from "../layout/overlay";
import type { StageLayout } from "../layout/stage";

const PAGE = 10;

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Where a walk begins: at the selection, else at the first output. */
function start(frame: Frame, layout: StageLayout): Focus {
  const top = layout.first + layout.count - 1;
  if (layout.zones.graph === null) {
    const { rowLevel = 0, columnLevel = 0 } = frame.matrix ?? {};
    const query = frame.selected.find(([level]) => level === rowLevel)?.[1] ?? 0;
    const key = frame.selected.find(([level]) => level === columnLevel)?.[1] ?? 0;
    return { kind: "cell", query, key };
  }
  const selected = frame.selected.find(([level]) => level >= layout.first && level <= top);
  return { kind: "node", node: selected ?? [top, 0] };
}

/** The focus as it must be now: within the levels and tokens on show. */
export function focusNow(focus: Focus | null, frame: Frame, layout: StageLayout): Focus {
  const lone = layout.zones.graph === null;
  if (focus === null || (focus.kind === "cell") !== lone) return start(frame, layout);
  const last = frame.n - 1;
  if (focus.kind === "cell") {
    const { query, key } = focus;
    return { kind: "cell", query: clamp(query, 0, last), key: clamp(key, 0, last) };
  }
  const [level, token] = focus.node;
  const top = layout.first + layout.count - 1;
  return { kind: "node", node: [clamp(level, layout.first, top), clamp(token, 0, last)] };
}

const STEPS: typeof ARROWS = {
  ...ARROWS,
  PageUp: [0, -PAGE],
  PageDown: [0, PAGE],
  // Beyond any text: where it begins and ends.
  Home: [0, -1e9],
  End: [0, 1e9],
};

/** The focus after a key; null: not a key of the stage. */
export function stageKey(
  focus: Focus | null,
  key: string,
  frame: Frame,
  layout: StageLayout,
): Focus | null {
  const step = STEPS[key];
  if (step === undefined) return null;
  const [right, down] = step;
  const from = focusNow(focus, frame, layout);
  if (from.kind === "cell") {
    const [query, key] = [from.query + down, from.key + right];
    return focusNow({ kind: "cell", query, key }, frame, layout);
  }
  const [level, token] = from.node;
  return focusNow({ kind: "node", node: [level + right, token + down] }, frame, layout);
}

/** How much nearer a key brings the picture; 0 shows everything. Null: not a key of the zoom. */
export function zoomKey(key: string): number | null {
  if (key === "+" || key === "=") return 1.5;
  if (key === "-" || key === "_") return 1 / 1.5;
  return key === "0" ? 0 : null;
}
