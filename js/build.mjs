// Bundle js/src into attn_widget/static and record which sources the bundle was made from.
//
//   node build.mjs            minified, the one that ships
//   node build.mjs --watch    readable, with a source map, rebuilt at every save
//
// `widget.stamp` holds "<sha256 of the inputs> release|watch". attn_widget/bundle.py computes the
// same hash in Python and compares, so a bundle older than its sources is never served.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "attn_widget", "static");
const watch = process.argv.includes("--watch");

/** The files that decide what the bundle holds, as sorted paths relative to js/. */
function inputs() {
  const sources = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|css)$/.test(entry.name))
    .map((entry) => relative(here, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join("/"));
  return [...sources, "build.mjs", "package-lock.json", "tsconfig.json"].sort();
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const path of inputs()) {
    const content = readFileSync(join(here, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** A reader sees the old file or the new one, never half of one. */
function replace(name, content) {
  // Whoever watches a file for hot reloading loses sight of it when another takes its place.
  if (watch) return writeFileSync(join(target, name), content);
  const partial = join(target, `.${name}.${process.pid}`);
  try {
    writeFileSync(partial, content);
    renameSync(partial, join(target, name));
  } finally {
    rmSync(partial, { force: true });
  }
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
let before = "";

const writer = {
  name: "writer",
  setup(build) {
    // Taken before the sources are read: an edit during the build leaves a stamp that is out of
    // date, and so a rebuild, never a stamp that claims more than was built.
    build.onStart(() => {
      before = fingerprint();
    });
    build.onEnd((result) => {
      if (result.errors.length > 0) return;
      mkdirSync(target, { recursive: true });
      const sizes = [];
      for (const file of result.outputFiles) {
        const name = file.path.slice(file.path.lastIndexOf(sep) + 1);
        replace(name, file.contents);
        const compressed = gzipSync(file.contents, { level: 9 }).length;
        sizes.push(`${name} ${kilobytes(file.contents.length)} (${kilobytes(compressed)} gzip)`);
      }
      replace("widget.stamp", `${before} ${watch ? "watch" : "release"}\n`);
      console.log(`bundle: ${sizes.join(", ")}`);
    });
  },
};

/** Built-in functions and objects by the names that `src/bare.ts` gives them, short once minified. */
const shorter = {
  "Number.isNaN": "isNaN",
  "Number.NaN": "NaN",
  "performance.now": "bare_now",
};
const bare = {
  Math: ["max", "min", "abs", "round", "floor", "ceil", "sqrt", "hypot", "log2", "sign"],
  Array: ["from", "isArray"],
  Number: ["POSITIVE_INFINITY", "NEGATIVE_INFINITY"],
  JSON: ["stringify"],
  Object: ["entries", "keys"],
};
for (const [home, names] of Object.entries(bare)) {
  for (const name of names) shorter[`${home}.${name}`] = `bare_${name}`;
}
for (const name of [
  ...["Float64Array", "Uint32Array", "Int32Array", "Uint8ClampedArray", "String", "Number"],
  ...["document", "getComputedStyle", "requestAnimationFrame", "cancelAnimationFrame"],
  ...["setTimeout", "clearTimeout", "window", "WeakMap"],
]) {
  shorter[name] = `bare_${name}`;
}

/**
 * Members of our own interfaces, to be shortened wherever they stand: names that no built-in object
 * has, that never travel to the kernel or into a file, and that no string spells out.
 * `tests/build.test.ts` fails for a name of which that is not true.
 */
const OWN = `
  across actions around bars bindingAt capacity cellImage colorScale columnLabel columnLevel
  columnMeans cropped curves dash dense discs dismissError divRGB does dropSpecial dropped
  encodeImage endComparison facts faintest figures foot grouping hasPieces hasSpecial headMaps
  headShares headY headsOpen hideSpecial hover hovered inMatrix ink2 ink3 invalidate labelWidths
  localError margins marks massShown members mergeWords most moved moving nHeads nLayers nodes
  notices onPill opacityFrom outputFigures overlap overlayOpacity panels partial photo piece
  pinCurrent placeOf placed places quickEdges radius readSurroundings readerWidth readers
  relevanceBinding removePin renamePin residualPerLayer rowLevel scaleOf scaleRows scratch seq
  seqRGB setBaseline setColorScale setDropSpecial setEnds setHeads setHideSpecial setLevels
  setMassShown setMergeWords setMethod setOverlay setOverlayOpacity setResidual setScaleRows
  setSelected setTab setTicks setTopHead settle showOverlay showPin side single sourceSide
  spaceBefore spans spoken spokenStart spokenStop stage stripHeight subjects sums sumsY
  swapCompared theme thin thinColumns toggleFullScreen toggleHeads topHead zero zones zoomed
`;

/**
 * Functions of a module as constants at its head, which are a third shorter: "f=(a)=>b" for
 * "function f(a){return b}". The sources are formatted, so that a function at the top of a module
 * is found by its indentation; one that is written in another way stays as it is.
 */
const FUNCTION = /^(export )?function (\w+)((?:.*|\((?:\n {2}.*)*\n\).*)) \{\n([\s\S]*?)^\}\n/gm;
const arrows = {
  name: "arrows",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
      let head = "";
      const rest = readFileSync(path, "utf8").replace(
        FUNCTION,
        (_, exported = "", name, signature, body) => {
          head += `${exported}const ${name} = ${signature} => {\n${body}};\n`;
          return "";
        },
      );
      return { contents: head + rest, loader: "ts" };
    });
  },
};

const options = {
  absWorkingDir: here,
  // The script of a saved page is the same views on a model of its own; the widget never loads it.
  entryPoints: [
    { in: "src/widget.ts", out: "widget" },
    { in: "src/widget.css", out: "widget" },
    { in: "src/standalone/standalone.ts", out: "standalone" },
  ],
  outdir: target,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  minify: !watch,
  ...(watch
    ? {}
    : {
        define: shorter,
        inject: ["src/bare.ts"],
        mangleProps: new RegExp(`^(${OWN.trim().split(/\s+/).join("|")})$`),
      }),
  sourcemap: watch ? "inline" : false,
  logLevel: "warning",
  write: false,
  plugins: watch ? [writer] : [arrows, writer],
};

if (watch) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  // esbuild has printed what is wrong and where; its stack trace would add nothing.
  await esbuild.build(options).catch(() => {
    process.exitCode = 1;
  });
}
