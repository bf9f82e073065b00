//! Whoever looks at the ops listener later than at the log is told what was refused.

use super::*;

impl Served {
    async fn page(&self, path: &str) -> String {
        let request = self.operator.get(format!("http://{}{path}", self.ops));
        request.send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test]
async fn what_was_refused_is_on_the_status_page_until_something_else_is_used() {
    const WELL: &str = "Everything is well";
    let served = Served::start().await;
    // Only the endpoint that is well.
    let text = configuration("20s");
    let (well, _) = text.rsplit_once("[[endpoint]]").unwrap();
    served.write("calbridge.toml", well);
    assert_eq!(served.reload().await.status, 200);
    let page = served.page("/").await;
    assert!(page.contains(WELL), "{page}");
    served.write("calbridge.toml", &well.replace("\"1h\"", "\"soon\""));
    assert_eq!(served.reload().await.status, 422);
    let page = served.page("/").await;
    for word in [
        "something to look at",
        "The configuration as last read is not in use",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    // Nobody has logged in: it is not told which key, file or value is at fault.
    assert!(
        !page.contains(WELL) && !page.contains("fresh_for"),
        "{page}"
    );
    served.write("calbridge.toml", well);
    assert_eq!(served.reload().await.status, 200);
    assert!(served.page("/").await.contains(WELL));
    // A key that does not fit, put there by a program that renews.
    served.write("server.key", &KeyPair::generate().unwrap().serialize_pem());
    let told = async { while served.page("/").await.contains(WELL) {} };
    timeout(PATIENCE, told).await.unwrap();
    let page = served.page("/").await;
    assert!(
        page.contains("The changed certificates cannot be used"),
        "{page}"
    );
    assert!(!page.contains("server.key"), "{page}");
    let ready = served.page("/readyz?verbose").await;
    assert!(
        ready.contains("[+] certificates: as last read they were refused"),
        "{ready}"
    );
    renew(served.folder.path(), &served.authority);
    let well = async { while !served.page("/").await.contains(WELL) {} };
    timeout(PATIENCE, well).await.unwrap();
    let ready = served.page("/readyz?verbose").await;
    assert!(!ready.contains("refused"), "{ready}");
}
