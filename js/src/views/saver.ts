/** Pictures of the view as files: downloaded at a click, or sent to the kernel that asked. */
import { onEnd } from "../ending";
import type { Frame, ViewState } from "../frame";
import type { Model } from "../model";
import { measureIn } from "../paint/canvas";
import { composePicture, fileName, MIME, type Part, pictureAsPNG, pictureAsSVG } from "../save";
import type { PictureFormat } from "../scene";
import { element } from "./dom";
import type { ImageStrip } from "./image";
import type { Stage } from "./stage";
import type { Strip } from "./strip";

interface Asked {
  id: number;
  format: PictureFormat;
}

export class Saver {
  readonly #root: HTMLElement;
  readonly #model: Model;
  readonly #stage: Stage;
  readonly #strip: Strip;
  readonly #image: ImageStrip;
  readonly #view: ViewState;
  readonly #invalidate: () => void;
  #frame: Frame | null = null;
  /** Asked for by the kernel before there was anything to see. */
  #waiting: Asked[] = [];
  #url: string | null = null;

  constructor(
    root: HTMLElement,
    model: Model,
    parts: { stage: Stage; strip: Strip; image: ImageStrip },
    view: ViewState,
    invalidate: () => void,
    signal: AbortSignal,
  ) {
    this.#root = root;
    this.#model = model;
    this.#stage = parts.stage;
    this.#strip = parts.strip;
    this.#image = parts.image;
    this.#view = view;
    this.#invalidate = invalidate;
    model.onMessage((content) => {
      const asked = askedFor(content);
      if (asked !== null) this.#waiting.push(asked);
      this.#answer();
    });
    onEnd(signal, () => this.#revoke());
    // Whoever asked before there was a view asks again.
    model.send({ type: "view" });
  }

  /** Call with every frame that has been drawn. */
  update(frame: Frame): void {
    this.#frame = frame;
    this.#answer();
  }

  /** Download the picture. */
  save(format: PictureFormat): void {
    this.#make(format)
      .then((blob) => {
        this.#revoke();
        this.#url = URL.createObjectURL(blob);
        const link = element("a", {
          href: this.#url,
          download: fileName(this.#frame!, format),
        });
        link.hidden = true;
        this.#root.append(link);
        link.click();
        link.remove();
      })
      .catch((error: unknown) => {
        this.#view.localError = `The picture cannot be saved: ${message(error)}`;
        this.#invalidate();
      });
  }

  #answer(): void {
    if (this.#frame === null || this.#stage.zones === null) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { id, format } of waiting) {
      this.#make(format)
        .then((blob) => blob.arrayBuffer())
        .then((bytes) => this.#model.send({ type: "picture", id, format }, [bytes]))
        .catch((error: unknown) =>
          this.#model.send({ type: "picture", id, format, error: message(error) }),
        );
    }
  }

  async #make(format: PictureFormat): Promise<Blob> {
    const frame = this.#frame;
    if (frame === null) throw new Error("there is nothing to see yet.");
    const family = getComputedStyle(this.#stage.el).fontFamily || "sans-serif";
    const picture = composePicture(frame, this.#parts(), measureIn(family));
    const { paper } = frame.theme;
    if (format === "png") return pictureAsPNG(picture, family, paper);
    return new Blob([pictureAsSVG(picture, family, paper)], { type: MIME.svg });
  }

  /** Strip and stage as they lie in the page, in coordinates of the body that holds them. */
  #parts(): Part[] {
    const body = this.#stage.el.parentElement ?? this.#stage.el;
    const zones = this.#stage.zones;
    const words = this.#strip.marks(body);
    const stage = { marks: this.#stage.marks(), height: zones?.height ?? 0 };
    if (this.#frame?.image != null) {
      const { height } = this.#image;
      const x = this.#image.el.offsetLeft;
      return [
        { marks: this.#image.marks(), x, y: 0, height },
        { ...stage, y: height + 8 },
      ];
    }
    // Without the text above it, the stage begins at the top.
    if (words.length === 0) return [{ ...stage, y: 0 }];
    return [
      { marks: words, y: 0, height: this.#strip.el.offsetHeight },
      { ...stage, y: this.#stage.el.offsetTop },
    ];
  }

  #revoke(): void {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.#url = null;
  }
}

function askedFor(content: unknown): Asked | null {
  if (typeof content !== "object" || content === null) return null;
  const { type, id, format } = content as Partial<Record<"type" | "id" | "format", unknown>>;
  if (type !== "picture" || typeof id !== "number") return null;
  return format === "svg" || format === "png" ? { id, format } : null;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
