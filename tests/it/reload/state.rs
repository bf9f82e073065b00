//! The state directory of a gateway that runs: it stays where it is.

use super::*;

#[tokio::test]
async fn another_state_directory_is_used_after_a_restart_only_and_that_is_said() {
    let served = Served::start().await;
    let key = "state_directory = \"state\"\npublic_url";
    let elsewhere = configuration("20s").replace("public_url", key);
    served.write("calbridge.toml", &elsewhere);
    let reloaded = served.reload().await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    let warnings = reloaded.body["warnings"].to_string();
    let told = "server.state_directory: cannot change";
    assert!(warnings.contains(told), "{}", reloaded.body);
    served.program.lock().unwrap().lines_until(told);
    assert!(!served.folder.path().join("state").exists());
    served.write("calbridge.toml", &configuration("20s"));
    let reloaded = served.reload().await;
    assert!(!reloaded.body.to_string().contains(told));
}
