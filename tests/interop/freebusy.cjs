// Reads a free/busy document from standard input with ical.js, and tells its periods as JSON.

const fs = require("node:fs");

async function main() {
  const { default: ICAL } = await import("ical.js");
  const calendar = new ICAL.Component(ICAL.parse(fs.readFileSync(0, "utf8")));
  const freebusy = calendar.getFirstSubcomponent("vfreebusy");
  const periods = freebusy.getAllProperties("freebusy").flatMap((property) =>
    property.getValues().map((period) => [
      period.start.toString(),
      period.getEnd().toString(),
      property.getParameter("fbtype"),
    ]),
  );
  const availability = calendar.getFirstSubcomponent("vavailability");
  const available = availability ? availability.getAllSubcomponents("available").length : 0;
  process.stdout.write(JSON.stringify({ periods, available }));
}

main();
