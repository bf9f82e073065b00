//! `calbridge manual` and `calbridge completions`: what packages install beside the program, made from the commands
//! themselves.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CommandError, Exit};

const FILES: &str = "\
.SH FILES
.TP
/etc/calbridge/calbridge.toml
The configuration of the installed service. Every key is explained in /usr/share/doc/calbridge/examples/full.toml.
.TP
/var/lib/calbridge
What the service remembers of refused role accounts.
";

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell that they are for
    shell: Shell,
}

pub(super) fn completions(asked: &Completions) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut Cli::command(), "calbridge", &mut script);
    say(&script)
}

/// One page with all commands, in the language of man(7).
pub(super) fn manual() -> Result<Exit, CommandError> {
    let mut page = Vec::new();
    render(&mut page).context("the manual cannot be written")?;
    say(&page)
}

fn render(page: &mut Vec<u8>) -> std::io::Result<()> {
    let program = Cli::command();
    let manual = clap_mangen::Man::new(program.clone());
    manual.render_title(page)?;
    manual.render_name_section(page)?;
    manual.render_synopsis_section(page)?;
    manual.render_description_section(page)?;
    manual.render_options_section(page)?;
    for command in program.get_subcommands().filter(|each| !each.is_hide_set()) {
        render_command(page, command, "calbridge")?;
    }
    page.write_all(FILES.as_bytes())?;
    manual.render_extra_section(page)?;
    manual.render_version_section(page)
}

/// A section for each command, and for the commands below it.
fn render_command(page: &mut Vec<u8>, command: &Command, above: &str) -> std::io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string);
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    writeln!(page, "{}", about.unwrap_or_default().replace('-', "\\-"))?;
    let manual = clap_mangen::Man::new(command.clone().bin_name(name.clone()));
    let mut options = Vec::new();
    manual.render_options_section(&mut options)?;
    // A part of the command's own section.
    let options = String::from_utf8_lossy(&options).replacen(".SH OPTIONS", ".SS Options", 1);
    page.write_all(options.as_bytes())?;
    for below in command.get_subcommands().filter(|each| !each.is_hide_set()) {
        render_command(page, below, &name)?;
    }
    Ok(())
}

fn say(text: &[u8]) -> Result<Exit, CommandError> {
    std::io::stdout()
        .write_all(text)
        .context("standard output cannot be written")?;
    Ok(Exit::Success)
}
