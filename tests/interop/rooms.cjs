// Asks for all room lists and their rooms with ews-javascript-api and prints them as JSON. Everything comes from the
// environment: EWS_URL, EWS_USER, EWS_PASSWORD.
const ews = require("ews-javascript-api");

async function main() {
  const { EWS_URL, EWS_USER, EWS_PASSWORD } = process.env;
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2013);
  service.Url = new ews.Uri(EWS_URL);
  service.Credentials = new ews.WebCredentials(EWS_USER, EWS_PASSWORD);
  const told = (mailbox) => [mailbox.Name, mailbox.Address];
  const lists = await service.GetRoomLists();
  const answer = [];
  for (const list of lists.GetEnumerator()) {
    const rooms = await service.GetRooms(list);
    answer.push({ list: told(list), rooms: Array.from(rooms, told) });
  }
  console.log(JSON.stringify(answer));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
