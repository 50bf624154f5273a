// What Handlebars.js makes of a template: the reference of our own renderer.
//
// Reads one JSON case {template, data} a line, its data a JSON text, and writes one
// JSON answer a line: {text}, {missing: name}, or {error: "parsing" | "rendering"}.
// It differs from plain Handlebars.js as SES does: nothing is escaped, a variable
// that is printed and absent is an error, and two placeholders are left alone.
//
//   node oracle.js MODULE            answer line by line
//   node oracle.js MODULE FILE...    write "expected" anew into tables of cases
"use strict";

const fs = require("fs");
const readline = require("readline");

const Handlebars = require(process.argv[2]);
const HELPERS = new Set(["if", "unless", "each", "with", "lookup", "log"]);
const LEFT_ALONE = new Set(["ses:openTracker", "amazonSESUnsubscribeUrl"]);

class Missing extends Error {}

function path(from, parts) {
  return { type: "PathExpression", data: from.data, depth: from.depth, parts, original: from.original, loc: from.loc };
}

function name(original) {
  return { type: "PathExpression", data: false, depth: 0, parts: [original], original };
}

// Puts `print` around every variable that is printed, with what owns it as second argument.
class PrintsByHelper extends Handlebars.Visitor {
  constructor() {
    super();
    this.parameters = [];
  }

  Program(program) {
    this.parameters.push(program.blockParams || []);
    super.Program(program);
    this.parameters.pop();
  }

  MustacheStatement(mustache) {
    if (mustache.params.length || mustache.hash) {
      if (mustache.path.original === "lookup") {
        const { path, params, hash, loc } = mustache;
        mustache.params = [{ type: "SubExpression", path, params, hash, loc }];
        mustache.hash = undefined;
        mustache.path = name("text");
      }
      return;
    }
    let variable = mustache.path;
    if (!variable.parts) {
      variable = { ...name(String(variable.original)), loc: variable.loc };
    }
    const [first, ...others] = variable.parts;
    const isPlain = !variable.depth && !variable.data && !/^\.|^this\b/.test(variable.original);
    const isBound = isPlain && this.parameters.some((names) => names.includes(first));
    if (isPlain && !others.length && HELPERS.has(first) && !isBound) return;
    const hasOwner = variable.parts.length > (isBound || variable.data ? 1 : 0);
    const owner = hasOwner ? path(variable, variable.parts.slice(0, -1)) : { type: "BooleanLiteral", value: true };
    // A path of no parts needs a spelling that is not taken for a name.
    if (hasOwner && !owner.parts.length) owner.original = ".";
    mustache.path = name("print");
    mustache.params = [variable, owner, { type: "StringLiteral", value: variable.original, original: variable.original }];
  }
}

function print(value, owner, name) {
  if (LEFT_ALONE.has(name)) return `{{${name}}}`;
  if (value === undefined || (value === null && (owner === null || owner === undefined))) throw new Missing(name);
  return text(value);
}

// Without escaping Handlebars.js adds two numbers that stand side by side; texts it joins.
function text(value) {
  return value === null || value === undefined ? "" : `${value}`;
}

function answer({ template, data }) {
  let tree;
  try {
    tree = Handlebars.parse(template);
  } catch {
    return { error: "parsing" };
  }
  new PrintsByHelper().accept(tree);
  try {
    const rendered = Handlebars.compile(tree, { noEscape: true })(JSON.parse(data), { helpers: { print, text } });
    return { text: rendered.toWellFormed() };
  } catch (error) {
    return error instanceof Missing ? { missing: error.message } : { error: "rendering" };
  }
}

Handlebars.logger.level = 9; // It warns of every property that it hides.
const tables = process.argv.slice(3);
for (const table of tables) {
  const cases = JSON.parse(fs.readFileSync(table, "utf8"));
  for (const each of cases) each.expected = answer(each);
  fs.writeFileSync(table, JSON.stringify(cases, null, 2) + "\n");
}
if (!tables.length) {
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
  });
}
