// Asks once with ews-javascript-api and prints what it understood as JSON. Everything comes from the environment:
// EWS_URL, EWS_USER, EWS_PASSWORD, EWS_MAILBOXES (blank-separated), EWS_FROM and EWS_TO (dates); TZ is the zone. Where
// EWS_ANSWER names a file, the answer is written there as it came.
const fs = require("node:fs");
const ews = require("ews-javascript-api");
const { XhrApi } = require("@ewsjs/xhr");

// The transport that the library uses by itself, with an ear on it.
class ListeningXhr extends XhrApi {
  async xhr(options, progress) {
    const answer = await super.xhr(options, progress);
    if (process.env.EWS_ANSWER) {
      fs.writeFileSync(process.env.EWS_ANSWER, answer.responseText);
    }
    return answer;
  }
}

async function main() {
  const { EWS_URL, EWS_USER, EWS_PASSWORD, EWS_MAILBOXES, EWS_FROM, EWS_TO } = process.env;
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013);
  service.Url = new ews.Uri(EWS_URL);
  service.Credentials = new ews.WebCredentials(EWS_USER, EWS_PASSWORD);
  service.XHRApi = new ListeningXhr();
  const attendees = EWS_MAILBOXES.split(" ").map((mailbox) => new ews.AttendeeInfo(mailbox));
  const window = new ews.TimeWindow(new ews.DateTime(EWS_FROM), new ews.DateTime(EWS_TO));
  const options = new ews.AvailabilityOptions();
  options.RequestedFreeBusyView = ews.FreeBusyViewType.FreeBusy;
  const results = await service.GetUserAvailability(
    attendees,
    window,
    ews.AvailabilityData.FreeBusyAndSuggestions,
    options,
  );
  const local = (time) => time.Format("YYYY-MM-DD HH:mm");
  console.log(
    JSON.stringify({
      mailboxes: results.AttendeesAvailability.Responses.map((response) => ({
        result: ews.ServiceResult[response.Result],
        error: ews.ServiceError[response.ErrorCode],
        view: ews.FreeBusyViewType[response.ViewType],
        events: response.CalendarEvents.map((event) => [
          local(event.StartTime),
          local(event.EndTime),
          ews.LegacyFreeBusyStatus[event.FreeBusyStatus],
        ]),
      })),
      suggestions: {
        result: ews.ServiceResult[results.SuggestionsResponse.Result],
        days: results.Suggestions.map((day) => ({
          date: local(day.Date),
          quality: ews.SuggestionQuality[day.Quality],
          times: day.TimeSuggestions.map((time) => [local(time.MeetingTime), ews.SuggestionQuality[time.Quality]]),
          conflicts: day.TimeSuggestions.map((time) =>
            time.Conflicts.map((conflict) => ews.ConflictType[conflict.ConflictType]),
          ),
        })),
      },
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
