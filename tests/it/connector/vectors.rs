//! The vectors of the conformance corpus: requests to the original and what ours must answer, over calendar files with
//! the names and events that each vector gives. Where ours differs on purpose, the reason stands here.

use std::path::PathBuf;

use calbridge::codec::connector::request::Request;
use serde_json::{Value, json};

use super::world::{DIRECTORY, Fields as _, OPS, Page, World, event};

/// All vectors; none without a corpus.
#[expect(
    clippy::print_stderr,
    reason = "a test that had nothing to test says so"
)]
fn vectors() -> Vec<Value> {
    let Some(corpus) = std::env::var_os("CALBRIDGE_CORPUS").map(PathBuf::from) else {
        eprintln!(
            "The conformance corpus was not given (CALBRIDGE_CORPUS): its vectors are not tested."
        );
        return Vec::new();
    };
    let text = std::fs::read_to_string(corpus.join("legacy-vectors.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Why ours answers a vector in another way.
fn differs(vector: &Value) -> Option<&'static str> {
    let name = vector["name"].as_str().unwrap();
    let group = name.split('.').next().unwrap();
    let url = &vector["expect"]["ours"]["submit_url"];
    let url = url.as_str().or(vector["expect"]["submit_url"].as_str());
    let plain_url = url.is_some_and(|url| url.starts_with("http:"));
    match (group, name) {
        ("posturl", _) if plain_url => {
            Some("the submit URL never becomes http because of a Referer, nor by a default")
        }
        ("posturl", _) if name.starts_with("posturl.allow-pattern") => Some(
            "the submit URL comes from the configuration; none is taken from a request, so that none needs a pattern",
        ),
        (_, "error.directory-down") => Some(
            "no directory stands between a question and the calendars: an unreachable source is error 1",
        ),
        (_, "answer.known-no-data") => Some(
            "a calendar file without data is one that cannot be read: asked for alone that is error 1, beside others access 0",
        ),
        (_, "error.unexpected") => Some(
            "a defect cannot be asked for; a panic is told as error 0 with the id by the same code as all errors",
        ),
        (_, "diagnostics.remote") => Some(
            "whoever is outside of the list is told 404, as of every path that is not there, and not 403",
        ),
        _ => None,
    }
}

fn concerns_the_wire(vector: &Value) -> bool {
    vector["page"] != "internal"
}

#[tokio::test]
async fn every_vector_of_the_wire_passes_or_says_why_not() {
    let (mut passed, mut apart) = (0, 0);
    for vector in vectors().iter().filter(|vector| concerns_the_wire(vector)) {
        let name = vector["name"].as_str().unwrap();
        if vector["page"] == "Diagnostics" {
            check_diagnostics(vector).await;
        }
        if let Some(reason) = differs(vector) {
            eprintln!("{name}: differs, {reason}");
            apart += 1;
            continue;
        }
        check(vector).await;
        passed += 1;
    }
    eprintln!("{passed} vectors pass, {apart} differ on purpose");
    let has_corpus = std::env::var_os("CALBRIDGE_CORPUS").is_some();
    assert!(passed > 50 || !has_corpus, "{passed} vectors were tested");
}

#[tokio::test]
async fn the_old_form_is_byte_for_byte_the_originals() {
    // Where the original corrupts its answer, or tells another time.
    const FAULTS: [&str; 6] = [
        "answer.escape-unicode",
        "answer.entities",
        "answer.display-name-apostrophe",
        "answer.display-name-quote",
        "answer.details-spanning-window",
        "answer.dst-",
    ];
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let (legacy, ours) = (
            &vector["expect"]["legacy"]["payload"],
            &vector["expect"]["ours"]["payload"],
        );
        let same_times = |vector: &Value| {
            !FAULTS
                .iter()
                .any(|fault| vector["name"].as_str().unwrap().starts_with(fault))
        };
        let (Some(payload), true) = (legacy.as_str(), ours.is_array() && same_times(&vector))
        else {
            continue;
        };
        if differs(&vector).is_some() {
            continue;
        }
        let world = world_of(&vector, "answer = \"legacy\"\n").await;
        let page = ask(&world, &vector).await;
        assert_eq!(page.payload(), payload, "{name}");
    }
}

async fn check(vector: &Value) {
    if vector["page"] == "Diagnostics" {
        return;
    }
    let name = vector["name"].as_str().unwrap();
    let expect = &vector["expect"];
    if let Some(message) = vector["request"]["form"]["text"].as_str() {
        check_parsed(vector, message);
    }
    let world = world_of(vector, "").await;
    if vector["page"] == "ExchangeQuerierAsIcal" {
        return check_ical(&world, vector).await;
    }
    let page = ask(&world, vector).await;
    let status = expect["ours"]["http_status"]
        .as_u64()
        .or(expect["http_status"].as_u64());
    assert_eq!(u64::from(page.status), status.unwrap_or(200), "{name}");
    let ours = &expect["ours"];
    if let Some(items) = ours["items"].as_array() {
        let told = page.error();
        let items: Vec<&str> = items
            .iter()
            .take(3)
            .map(|item| item.as_str().unwrap())
            .collect();
        assert_eq!(told.each_ref().map(String::as_str)[..], items, "{name}");
    }
    if ours["payload"].is_array() {
        assert_eq!(page.json(), ours["payload"], "{name}");
    }
    let url = ours["submit_url"]
        .as_str()
        .or(expect["submit_url"].as_str());
    if let Some(url) = url {
        assert_eq!(page.action(), url, "{name}");
    }
    if expect["html"].is_object() {
        check_page(&page, expect);
    }
}

/// What a message means, except that ours leaves out empty addresses.
fn check_parsed(vector: &Value, message: &str) {
    let expect = &vector["expect"];
    let parsed = &expect["parsed"];
    if !parsed.is_object() {
        return;
    }
    let name = vector["name"].as_str().unwrap();
    let request = Request::read(message).unwrap();
    let of = |key: &str| {
        expect["ours"][key]
            .as_str()
            .or(parsed[key].as_str())
            .unwrap()
            .to_owned()
    };
    let users: Vec<&str> = parsed["users"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|user| !user.is_empty())
        .collect();
    if vector["config"]["domain_mapping"].is_null() {
        assert_eq!(request.users, users, "{name}");
    }
    assert_eq!(request.id, of("message_id"), "{name}");
    assert_eq!(request.start.to_string(), of("start"), "{name}");
    assert_eq!(request.end.to_string(), of("end"), "{name}");
    assert_eq!(request.since.to_string(), of("since"), "{name}");
    assert_eq!(request.start_utc.to_string(), of("utc_start"), "{name}");
    assert_eq!(request.end_utc.to_string(), of("utc_end"), "{name}");
}

fn check_page(page: &Page, expect: &Value) {
    let form = &expect["html"]["form"];
    assert_eq!(page.action(), form["action"].as_str().unwrap());
    assert_eq!(
        page.header("content-type"),
        expect["content_type"].as_str().unwrap()
    );
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.payload().starts_with('['));
    assert!(
        page.html
            .contains("document.getElementById(\"Form1\").submit()")
    );
}

/// What "local" was to the original are the list and the ops login to ours.
async fn check_diagnostics(vector: &Value) {
    let request = &vector["request"];
    let is_local = request["from"] == "the same machine";
    let directory = if is_local {
        DIRECTORY.to_owned()
    } else {
        DIRECTORY.replace("127.0.0.1", "192.0.2.0/24")
    };
    let world = World::start(&format!("{directory}{OPS}")).await;
    let path = request["path"].as_str().unwrap();
    let ask = world.get(path).basic_auth("ops", Some("correct horse"));
    let expect = match vector["expect"]["http_status"].as_u64() {
        Some(status) => status,
        None if differs(vector).is_some() => 404,
        None => panic!("{vector}"),
    };
    let status = ask.send().await.unwrap().status().as_u16();
    assert_eq!(u64::from(status), expect, "{vector}");
}

async fn check_ical(world: &World, vector: &Value) {
    let name = vector["name"].as_str().unwrap();
    let request = &vector["request"];
    let query: Vec<(String, String)> = match request["query"].as_object() {
        Some(query) => query
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap().into()))
            .collect(),
        None => Vec::new(),
    };
    let path = request["path"].as_str().unwrap();
    let answer = world.get(path).query(&query).send().await.unwrap();
    let ours = &vector["expect"]["ours"];
    assert_eq!(
        Some(u64::from(answer.status().as_u16())),
        ours["http_status"].as_u64(),
        "{name}"
    );
    assert_eq!(
        answer.headers()["content-type"],
        ours["content_type"].as_str().unwrap(),
        "{name}"
    );
    let text = answer.text().await.unwrap().replace("\r\n ", "");
    let told = &ours["ical"]["VFREEBUSY"];
    for key in ["DTSTART", "DTEND", "ORGANIZER"] {
        if let Some(value) = told[key].as_str() {
            assert!(
                text.contains(&format!("{key}:{value}\r\n")),
                "{name}: {key}"
            );
        }
    }
    let periods = told["FREEBUSY"].as_array().into_iter().flatten();
    let expect: Vec<String> = periods
        .map(|period| {
            format!(
                "FREEBUSY;FBTYPE={}:{}",
                period[0].as_str().unwrap(),
                period[1].as_str().unwrap()
            )
        })
        .collect();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("FREEBUSY"))
        .collect();
    assert_eq!(lines, expect, "{name}");
}

async fn ask(world: &World, vector: &Value) -> Page {
    let request = &vector["request"];
    let path = request["path"].as_str().unwrap();
    let mut call = if request["method"] == "GET" {
        world.get(path)
    } else {
        let form = request["form"].as_object().cloned().unwrap_or_default();
        let form: Vec<(String, String)> = form
            .into_iter()
            .map(|(k, v)| (k, v.as_str().unwrap_or_default().into()))
            .collect();
        world.post(path).form(&form)
    };
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        call = call.header(name, value.as_str().unwrap());
    }
    Page::of(call.send().await.unwrap()).await
}

/// A gateway with the settings and the calendars of a vector.
async fn world_of(vector: &Value, more: &str) -> World {
    let config = &vector["config"];
    let post_url = config["post_url"].as_str();
    let domain = config["google_apps_domain"]
        .as_str()
        .unwrap_or("example.org");
    let target = post_url.map_or(format!("google_domain = \"{domain}\""), |url| {
        format!("post_url = \"{url}\"")
    });
    let mapping = config["domain_mapping"].as_array().into_iter().flatten();
    let pairs: Vec<String> = mapping
        .map(|pair| format!("{{ external = {}, internal = {} }}", pair[0], pair[1]))
        .collect();
    let mapping = if pairs.is_empty() {
        String::new()
    } else {
        format!("domain_mapping = [{}]", pairs.join(", "))
    };
    let details = config["appointment_lookup"] == true;
    let world = World::start(&format!(
        "\n[[freebusy_url]]\ndirectory = \"GCalExchangeLookup\"\nallow = [\"127.0.0.1\"]\n\
         domains = [\"example.org\", \"example.com\", \"ex.acme.com\"]\n\
         event_details = {details}\n{target}\n{mapping}\n{more}"
    ))
    .await;
    for user in vector["directory"].as_array().into_iter().flatten() {
        world.calendar(user["mail"].as_str().unwrap(), &calendar(user, details));
    }
    world
}

fn calendar(user: &Value, details: bool) -> String {
    let text = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.replace('\\', "\\\\")
            .replace(';', "\\;")
            .replace(',', "\\,")
            .replace('\n', "\\n")
    };
    let name = |value: &Value| {
        value
            .as_str()
            .unwrap_or_default()
            .replace('^', "^^")
            .replace('"', "^'")
            .replace('\n', "^n")
    };
    let mut lines = format!(
        "X-WR-CALNAME:{}\nX-OWNER;CN=\"{}\":mailto:{}\n",
        text(&user["display_name"]),
        name(&user["common_name"]),
        user["mail"].as_str().unwrap(),
    );
    let appointments = user["appointments_utc"].as_array().filter(|_| details);
    let appointments = appointments.map_or(&[][..], Vec::as_slice);
    for one in appointments {
        let class = if one["private"] == true {
            "CLASS:PRIVATE\n"
        } else {
            ""
        };
        let said = format!(
            "SUMMARY:{}\nLOCATION:{}\nORGANIZER;CN=\"{}\":mailto:x@example.org\n{class}{}",
            text(&one["subject"]),
            text(&one["location"]),
            name(&one["organizer"]),
            status(&one["status"]),
        );
        lines += &event(&short(&one["start"]), &short(&one["end"]), &said);
    }
    for block in user["free_busy_utc"].as_array().unwrap() {
        let (start, end) = (short(&block[0]), short(&block[1]));
        let explained = |one: &Value| short(&one["start"]) < end && start < short(&one["end"]);
        if !appointments.iter().any(explained) {
            lines += &event(&start, &end, status(&block[2]));
        }
    }
    lines
}

fn status(word: &Value) -> &'static str {
    match word.as_str().unwrap() {
        "busy" => "",
        "tentative" => "STATUS:TENTATIVE\n",
        "oof" => "X-MICROSOFT-CDO-BUSYSTATUS:OOF\n",
        "free" => "TRANSP:TRANSPARENT\n",
        other => panic!("{other}"),
    }
}

/// `2008-01-02T09:30:00Z` as `20080102T093000`.
fn short(time: &Value) -> String {
    time.as_str().unwrap().replace(['-', ':', 'Z'], "")
}

#[test]
fn differences_are_told_for_what_they_are() {
    let vector = |name: &str, url: &str| json!({"name": name, "expect": {"submit_url": url}});
    assert!(differs(&vector("posturl.x", "http://a/")).is_some());
    assert!(differs(&vector("posturl.x", "https://a/")).is_none());
    assert!(differs(&vector("answer.x", "http://a/")).is_none());
}
