//! Runs the commands of docs/extending.md: what the page shows is what they print.

mod common;

use std::path::Path;
use std::process::Command;

/// The commands of the page with the output shown below each.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside && (line.starts_with("./lstar ") || line.starts_with("user/")) => {
                commands.push((line.into(), String::new()));
            }
            _ if inside => {
                let shown = &mut commands.last_mut().expect("output follows a command").1;
                shown.push_str(line);
                shown.push('\n');
            }
            _ => {}
        }
    }
    commands
}

/// Addresses differ from run to run: `0x...` on the page.
fn without_addresses(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let (before, number) = rest.split_at(at + 2);
        let length = number.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(number.len());
        let (digits, after) = number.split_at(length);
        out.push_str(before);
        out.push_str(if length >= 5 { "..." } else { digits });
        rest = after;
    }
    out + rest
}

#[test]
fn the_page_shows_what_its_commands_print() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project is there");
    let page = std::fs::read_to_string(home.join("docs/extending.md")).expect("the page is there");
    let commands = commands(&page);
    assert!(commands.len() > 8, "the page has commands");
    // The program that the test was built with stands for ./lstar, which would build it first.
    let lstar = env!("CARGO_BIN_EXE_lstar");
    let folder = common::Folder::new("extending");
    let root = folder.0.join("root");
    for (command, shown) in &commands {
        if command == "./lstar build" {
            continue;
        }
        let accelerated = command
            .replace("./lstar run ", "./lstar run --accel tcg ")
            .replace("./lstar trace ", "./lstar trace --accel tcg ");
        let line = accelerated.replacen("./lstar", lstar, 1).replace("/tmp/hello-root", &root.display().to_string());
        // On a terminal what a program prints may come within a line of its trace, which is then not the page's.
        let is_traced = command.contains("trace");
        let streams = if is_traced { "" } else { "exec 2>&1; " };
        let output = Command::new("bash")
            .args(["-c", &format!("{streams}{line}")])
            .current_dir(&home)
            .env("LSTAR_HOME", &home)
            .output()
            .expect("bash is there");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace('\r', "");
        let (mut printed, mut expected): (Vec<_>, Vec<_>) =
            (text.lines().map(without_addresses).collect(), shown.lines().map(String::from).collect());
        // They come by two ways.
        if is_traced {
            printed.sort();
            expected.sort();
        }
        assert_eq!(printed, expected, "{command}");
    }
}
