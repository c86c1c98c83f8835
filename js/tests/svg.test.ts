import { describe, expect, test } from "vitest";
import { makeTheme } from "../src/color";
import type { Frame } from "../src/frame";
import { allMarks, layoutStage } from "../src/layout/stage";
import { escapeXml, toSVG } from "../src/paint/svg";
import type { Image, Mark } from "../src/scene";
import { frameFrom, measure, sent, stageFrame } from "./stages";

/** Pixels as a BMP, which any viewer opens and which takes no compression to write. */
function bitmap({ columns, rows, pixels }: Image): string {
  const stride = (columns * 3 + 3) & ~3;
  const bytes = new Uint8Array(54 + stride * rows);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, columns, true);
  view.setInt32(22, -rows, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [red, green, blue] = pixels.subarray(4 * (y * columns + x));
      bytes.set([blue!, green!, red!], 54 + y * stride + 3 * x);
    }
  }
  return `data:image/bmp;base64,${Buffer.from(bytes).toString("base64")}`;
}

function picture(title: string, frame: Frame, stripHeight = 27): string {
  const layout = layoutStage(frame, stripHeight, measure);
  return toSVG(allMarks(layout), {
    width: layout.zones.width,
    height: layout.zones.height,
    fontFamily: "system-ui, sans-serif",
    background: frame.theme.paper,
    title,
    encodeImage: bitmap,
  });
}

/** Open these in a browser: they are what the stage draws. */
const PICTURES: Record<string, (name: string) => string> = {
  "trace-light": (name) => picture(name, frameFrom(sent.rollout())),
  "trace-dark": (name) => picture(name, frameFrom(sent.rollout(), { theme: makeTheme(true) })),
  "flow-cut": (name) => picture(name, frameFrom(sent.flow())),
  "medium-900": (name) => picture(name, frameFrom(sent.rollout(), { width: 900, size: "medium" })),
  "narrow-graph": (name) =>
    picture(name, frameFrom(sent.rollout(), { width: 480, size: "narrow" }), 54),
  "narrow-matrix": (name) =>
    picture(name, frameFrom(sent.rollout(), { width: 480, size: "narrow", tab: "matrix" }), 54),
  "nothing-selected": (name) => picture(name, stageFrame(17, 6, { massShown: 0.7 }, null)),
  "n-128": (name) => picture(name, stageFrame(128, 2, { height: 640, massShown: 0.5 }), 77),
  "one-token": (name) => picture(name, stageFrame(1, 6)),
};

test.each(Object.keys(PICTURES))("picture %s", async (name) => {
  await expect(PICTURES[name]!(name)).toMatchFileSnapshot(`snapshots/${name}.svg`);
});

const options = {
  width: 10,
  height: 10,
  fontFamily: "sans-serif",
  encodeImage: () => "data:,",
};
const one = (mark: Mark) => toSVG([mark], options).split("\n")[1]!;

describe("elements", () => {
  test("text is text, whatever it says", () => {
    const svg = one({
      kind: "text",
      x: 1,
      y: 2,
      text: `</text><script>alert("1")</script>&\u0000`,
      size: 10,
      weight: 430,
      fill: "#000",
      anchor: "end",
    });
    expect(svg).not.toContain("<script>");
    expect(svg).toContain("&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;");
    expect(svg).not.toContain("\u0000");
    expect(svg).toContain('text-anchor="end"');
  });

  test("half of an emoji does not make a broken file", () => {
    expect(escapeXml("a\ud83d")).toBe("a\ufffd");
    expect(escapeXml("\u{1F600}")).toBe("\u{1F600}");
  });

  test("a translucent colour is a colour and an opacity", () => {
    const fill = "rgba(0, 0, 0, 0.5)";
    const svg = one({ kind: "rect", x: 0, y: 0, w: 5, h: 5, fill, opacity: 0.5 });
    expect(svg).toContain('fill="#000000" fill-opacity="0.25"');
  });

  test("a ribbon leaves and arrives level", () => {
    const curve = { kind: "curve" as const, x0: 0, y0: 1, x1: 10, y1: 9 };
    const svg = one({ ...curve, width: 2, color: "#345dcb", opacity: 0.9 });
    expect(svg).toContain('d="M0 1C5 1 5 9 10 9"');
    expect(svg).toContain('stroke-opacity="0.9"');
  });

  test("the title comes first, for those who cannot see the picture", () => {
    expect(toSVG([], { ...options, title: "a < b" })).toContain("<title>a &lt; b</title>");
  });
});
