import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** The names of members that `build.mjs` shortens, and that nothing outside may know. */
const js = join(dirname(fileURLToPath(import.meta.url)), "..");
const own = /const OWN = `([^`]*)`/
  .exec(readFileSync(join(js, "build.mjs"), "utf8"))![1]!
  .trim()
  .split(/\s+/);

const sources = readdirSync(join(js, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);
const code = new Map(
  sources.map((name) => {
    const text = readFileSync(join(js, "src", name), "utf8");
    return [name, text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")];
  }),
);

/** Members of built-in objects, as TypeScript's own declarations name them. */
function builtIn(): Set<string> {
  const require = createRequire(import.meta.url);
  const lib = dirname(
    require.resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`),
  );
  const names = new Set<string>();
  for (const name of readdirSync(join(lib, "lib")).filter((file) =>
    /^lib\..*\.d\.ts$/.test(file),
  )) {
    const text = readFileSync(join(lib, "lib", name), "utf8");
    for (const [, member] of text.matchAll(/^\s+(?:(?:readonly|get|set) )*"?([\w$]+)"?\??[<(:]/gm))
      names.add(member!);
  }
  return names;
}

describe("members that the bundle shortens", () => {
  test("are no members of built-in objects", () => {
    const known = builtIn();
    expect(known).toContain("clientWidth");
    expect(known).toContain("flatMap");
    expect(own.filter((name) => known.has(name))).toEqual([]);
  });

  test.each([
    ...["model.ts", "wire.ts", "presence.ts", "widget.ts"],
    // What a saved page holds of the kernel, and what scripts in it may ask.
    ...["standalone/attention.ts", "standalone/flow.ts", "standalone/payload.ts"],
    ...["standalone/local.ts", "standalone/standalone.ts"],
  ])("do not travel to the host or the kernel: %s has none of them", (name) => {
    const words = new Set(code.get(name)!.match(/[A-Za-z_]\w*/g));
    expect(own.filter((member) => words.has(member))).toEqual([]);
  });

  test("are spelled out by no string, by which they could be asked for", () => {
    const strings = new Set<string>();
    for (const text of code.values()) {
      for (const [, , string] of text.matchAll(/(["'`])((?:\\.|(?!\1)[^\\])*)\1/g)) {
        strings.add(string!);
      }
    }
    expect(strings).toContain("shown_matrix");
    expect(own.filter((name) => strings.has(name))).toEqual([]);
  });

  test("are still in use, each of them once in the list", () => {
    const words = new Set([...code.values()].flatMap((text) => text.match(/[A-Za-z_]\w*/g) ?? []));
    expect(own.filter((name, i) => !words.has(name) || own.indexOf(name) !== i)).toEqual([]);
  });
});
