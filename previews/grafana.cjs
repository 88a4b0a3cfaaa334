// Grafana's own code on what stdin asks for, as JSON: units, transformations, the newest schema.
//   {"formats": [[unit, value, decimals], …], "tables": [{transformations, frames}, …], "now": ms}
// Answers {"units": every id, "formats": [text, …], "tables": [[{name, values}, …], …],
// "schemaVersion": n}. `@grafana/data` wants a navigator before it is loaded and a window after.
"use strict";
Object.defineProperty(globalThis, "navigator", {
  value: { userAgent: "node", platform: "node", language: "en", languages: ["en"] },
  configurable: true,
});
const data = require("@grafana/data");
const schema = require("@grafana/schema");
const { lastValueFrom } = require("rxjs");
globalThis.window = globalThis;

const byId = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
data.standardTransformersRegistry.setInit(() =>
  [...byId.values()].map((one) => ({ id: one.id, name: one.name, transformation: async () => one }))
);

function formatted([unit, value, decimals]) {
  return data.formattedValueToString(data.getValueFormat(unit)(value, decimals));
}

async function transformed({ transformations, frames }) {
  const made = frames.map((frame) => data.toDataFrame(frame));
  const result = await lastValueFrom(data.transformDataFrame(transformations, made, { interpolate: (text) => text }));
  return result.map((frame) =>
    frame.fields.map((field) => ({ name: data.getFieldDisplayName(field, frame, result), values: [...field.values] }))
  );
}

async function main() {
  const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
  if (asked.now) {
    // Ages are told against this moment.
    const RealDate = Date;
    Date.now = () => asked.now;
    globalThis.Date = class extends RealDate {
      constructor(...given) { super(...(given.length ? given : [asked.now])); }
    };
  }
  process.stdout.write(JSON.stringify({
    units: data.getValueFormats().flatMap((group) => group.submenu.map((one) => one.value)),
    formats: (asked.formats || []).map(formatted),
    tables: await Promise.all((asked.tables || []).map(transformed)),
    schemaVersion: schema.defaultDashboard.schemaVersion,
  }));
}
main();
