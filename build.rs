//! Tells the program which commit it was built from: `CALBRIDGE_COMMIT` where a packager sets it, else what git says,
//! else nothing.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CALBRIDGE_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    // The log of HEAD grows with each commit and each checkout.
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let commit = given().or_else(commit_of_work_tree);
    let version = env!("CARGO_PKG_VERSION");
    let version = match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo:rustc-env=CALBRIDGE_VERSION={version}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment of the build, which the program never sees"
)]
fn given() -> Option<String> {
    std::env::var("CALBRIDGE_COMMIT").ok()
}

fn commit_of_work_tree() -> Option<String> {
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|git| git.status.success())?;
    Some(String::from_utf8(git.stdout).ok()?.trim().to_owned())
}
