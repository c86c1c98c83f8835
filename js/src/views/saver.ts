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

/** What a picture is made of, and what becomes of it. */
interface Host {
  root: HTMLElement;
  model: Model;
  stage: Stage;
  strip: Strip;
  image: ImageStrip;
  view: ViewState;
  invalidate(): void;
}

export class Saver {
  readonly #host: Host;
  #frame: Frame | null = null;
  /** Asked for by the kernel before there was anything to see. */
  #waiting: Asked[] = [];
  #url: string | null = null;

  constructor(host: Host, signal: AbortSignal) {
    this.#host = host;
    const { model } = host;
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
        this.#host.root.append(link);
        link.click();
        link.remove();
      })
      .catch((error: unknown) => {
        this.#host.view.localError = `The picture cannot be saved: ${message(error)}`;
        this.#host.invalidate();
      });
  }

  #answer(): void {
    if (this.#frame === null || this.#host.stage.zones === null) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { id, format } of waiting) {
      this.#make(format)
        .then((blob) => blob.arrayBuffer())
        .then((bytes) => this.#host.model.send({ type: "picture", id, format }, [bytes]))
        .catch((error: unknown) =>
          this.#host.model.send({ type: "picture", id, format, error: message(error) }),
        );
    }
  }

  async #make(format: PictureFormat): Promise<Blob> {
    const frame = this.#frame;
    if (frame === null) throw new Error("there is nothing to see yet.");
    const family = getComputedStyle(this.#host.stage.el).fontFamily || "sans-serif";
    const picture = composePicture(frame, this.#parts(), measureIn(family));
    const { paper } = frame.theme;
    if (format === "png") return pictureAsPNG(picture, family, paper);
    return new Blob([pictureAsSVG(picture, family, paper)], { type: MIME.svg });
  }

  /** Strip and stage as they lie in the page, in coordinates of the body that holds them. */
  #parts(): Part[] {
    const { stage, strip, image } = this.#host;
    const body = stage.el.parentElement ?? stage.el;
    const zones = stage.zones;
    const words = strip.marks(body);
    const picture = { marks: stage.marks(), height: zones?.height ?? 0 };
    if (this.#frame?.image != null) {
      const { height } = image;
      const x = image.el.offsetLeft;
      return [
        { marks: image.marks(), x, y: 0, height },
        { ...picture, y: height + 8 },
      ];
    }
    // Without the text above it, the stage begins at the top.
    if (words.length === 0) return [{ ...picture, y: 0 }];
    return [
      { marks: words, y: 0, height: strip.el.offsetHeight },
      { ...picture, y: stage.el.offsetTop },
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
