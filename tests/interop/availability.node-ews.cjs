// node-ews asks for free/busy views and folders. It first loads services.wsdl, messages.xsd and types.xsd from the server.
//
// Reads EWS_HOST, EWS_USER, EWS_PASSWORD, EWS_MAILBOXES (blanks between), EWS_FROM and EWS_TO (naive, UTC) from the
// environment; prints the answers as JSON. NODE_EXTRA_CA_CERTS names the authority to trust.

const EWS = require("node-ews");

const { EWS_HOST, EWS_USER, EWS_PASSWORD, EWS_MAILBOXES, EWS_FROM, EWS_TO } = process.env;

async function main() {
  const ews = new EWS({ username: EWS_USER, password: EWS_PASSWORD, host: EWS_HOST, auth: "basic" });
  const change = { Bias: 0, Time: "00:00:00", DayOrder: 1, Month: 1, DayOfWeek: "Sunday" };
  const availability = await ews.run("GetUserAvailability", {
    TimeZone: { Bias: 0, StandardTime: change, DaylightTime: change },
    MailboxDataArray: {
      MailboxData: EWS_MAILBOXES.split(" ").map((mailbox) => ({
        Email: { Address: mailbox },
        AttendeeType: "Required",
        ExcludeConflicts: false,
      })),
    },
    FreeBusyViewOptions: {
      TimeWindow: { StartTime: EWS_FROM, EndTime: EWS_TO },
      MergedFreeBusyIntervalInMinutes: 60,
      RequestedView: "DetailedMerged",
    },
  });
  const folders = await ews.run("GetFolder", {
    FolderShape: { BaseShape: "Default" },
    FolderIds: { DistinguishedFolderId: [{ attributes: { Id: "inbox" } }, { attributes: { Id: "tasks" } }] },
  });
  console.log(JSON.stringify({ availability, folders }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
