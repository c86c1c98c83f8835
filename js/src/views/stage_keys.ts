/** The keyboard's walk over the stage: arrows along tokens and levels. Pure. */
import type { Frame } from "../frame";
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
function within(focus: Focus | null, frame: Frame, layout: StageLayout): Focus {
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

/** Steps (down, right) of a key; null for a key that is not ours. */
function stepOf(key: string, n: number): [down: number, right: number] | null {
  switch (key) {
    case "ArrowUp":
      return [-1, 0];
    case "ArrowDown":
      return [1, 0];
    case "ArrowLeft":
      return [0, -1];
    case "ArrowRight":
      return [0, 1];
    case "PageUp":
      return [-PAGE, 0];
    case "PageDown":
      return [PAGE, 0];
    case "Home":
      return [-n, 0];
    case "End":
      return [n, 0];
    default:
      return null;
  }
}

/** The focus after a key; with the empty key the focus as it is. Null: not a key of the stage. */
export function stageKey(focus: Focus | null, key: "", frame: Frame, layout: StageLayout): Focus;
export function stageKey(
  focus: Focus | null,
  key: string,
  frame: Frame,
  layout: StageLayout,
): Focus | null;
export function stageKey(
  focus: Focus | null,
  key: string,
  frame: Frame,
  layout: StageLayout,
): Focus | null {
  if (key === "") return within(focus, frame, layout);
  const step = stepOf(key, frame.n);
  if (step === null) return null;
  const [down, right] = step;
  const from = within(focus, frame, layout);
  if (from.kind === "cell") {
    return within({ kind: "cell", query: from.query + down, key: from.key + right }, frame, layout);
  }
  const [level, token] = from.node;
  return within({ kind: "node", node: [level + right, token + down] }, frame, layout);
}

/** How much nearer a key brings the picture; 0 shows everything. Null: not a key of the zoom. */
export function zoomKey(key: string): number | null {
  if (key === "+" || key === "=") return 1.5;
  if (key === "-" || key === "_") return 1 / 1.5;
  return key === "0" ? 0 : null;
}
