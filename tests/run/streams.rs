//! What goes in and comes out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::json;

use super::world::world;

#[test]
fn a_command_runs_from_nothing_and_says_so_in_one_document() {
    let sandbox = world();
    // Nothing is realized and there is no lock: it brings the environment in, and roots and locks nothing.
    let words = [
        "run",
        "tiny",
        "--json",
        "--",
        "sh",
        "-c",
        "printf 'a\\377'; echo b >&2",
    ];
    let ended = sandbox.pyro(words).run().code(0);
    assert_eq!(ended.stderr, "");
    let document = ended.document(&sandbox);
    let says = |key: &str, value: serde_json::Value| assert_eq!(document[key], value, "{key}");
    says("environment", json!("tiny"));
    says("environment_version", json!("1"));
    says(
        "command",
        json!(["sh", "-c", "printf 'a\\377'; echo b >&2"]),
    );
    says("stdout", json!("a\u{fffd}"));
    says("stdout_base64", json!("Yf8="));
    says("stderr", json!("b\n"));
    says("exit_code", json!(0));
    says("signal", json!(null));
    says("timed_out", json!(false));
    says("truncated", json!(false));
    says("engine", json!("qemu"));
    says(
        "cleanup",
        json!({"deleted": true, "reason": "post_exec_cleanup"}),
    );
    assert!(document.get("stderr_base64").is_none());
    assert!(document["boot_ms"].as_u64().unwrap() > 0);
    assert!(!sandbox.work().join("envs.lock").exists());
    assert_eq!(
        super::inside::names(&sandbox.store().join("profiles")),
        [""; 0]
    );
    assert_eq!(
        super::inside::names(&sandbox.store().join("roots")),
        [""; 0]
    );
}

#[test]
fn words_variables_and_folder_arrive_as_they_are_and_the_code_comes_back() {
    let sandbox = world();
    let line = "printf '%s|' \"$@\"; pwd; echo \"$A\" $PATH $HOME; uname -n; id -u; echo apart >&2; exit 7";
    let words = ["run", "tiny", "--workdir", "/etc", "--env", "A=b = c", "--"];
    let command = ["sh", "-c", line, "sh", "", " x  y ", "$HOME", "--json"];
    let ended = sandbox.pyro(words.into_iter().chain(command)).run().code(7);
    assert_eq!(
        ended.raw_stdout,
        "| x  y |$HOME|--json|/etc\nb = c /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root\ntiny\n0\n"
    );
    let (mode, _) = ended.stderr.split_once(" exit_code").unwrap();
    let mode = mode.rsplit('=').next().unwrap();
    let stderr = ended.stderr.replace(mode, "[MODE]");
    let (stderr, millis) = stderr.rsplit_once("duration_ms=").unwrap();
    assert!(millis.trim_end().parse::<u32>().is_ok());
    insta::assert_snapshot!(stderr, @"
    [run] phase=unpack environment=tiny
    [run] phase=seal environment=tiny
    [run] phase=publish environment=tiny
    [run] phase=create environment=tiny
    [run] phase=start environment=tiny
    [run] phase=execute environment=tiny
    apart
    [run] environment=tiny execution_mode=[MODE] exit_code=7 
    ");
}

/// Bytes that no text has, and that do not repeat soon.
pub fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// They pass a folder of this machine on their way, and a network is there as well.
#[test]
fn five_megabytes_go_in_and_come_back_and_stay_in_a_folder() {
    let sandbox = world();
    let bytes = noise(5_000_000);
    sandbox.write("in/a/file", "found\n");
    for number in 0..500 {
        sandbox.write(&format!("many/{number}"), "");
    }
    fs_err::create_dir(sandbox.work().join("out")).unwrap();
    let hears = Hears::new();
    let line = format!(
        "tee /srv/out/copy; cat /srv/in/a/file /etc/resolv.conf >&2; (echo x > /srv/in/a/file) 2>/dev/null || echo kept >&2; \
         mount -o remount,rw /srv/in; (echo x > /srv/in/new) 2>/dev/null || echo kept >&2; \
         rm -r /srv/out/old; touch '/srv/out/new one'; ls /srv/out >&2; nc 10.0.2.2 {} < /srv/in/a/file >&2; \
         set -- /srv/many/*; echo $# >&2; ls -l /srv/many > /dev/null 2>&1 || echo told >&2",
        hears.port
    );
    let old = sandbox.write("out/old/file", "");
    let mounts = ["in:/srv/in:ro", "./out:/srv/out", "many:/srv/many"];
    let mounts = mounts.into_iter().flat_map(|mount| ["--mount", mount]);
    let words = ["run", "-q", "tiny", "--network"].into_iter().chain(mounts);
    let words: Vec<&str> = words.chain(["--", "sh", "-c", &line]).collect();
    // Fewer descriptors than files: that is said, and no list only ends earlier.
    let pyro = sandbox.pyro(&words).command;
    let mut command = Command::new("sh");
    let script = "ulimit -n 400; exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(pyro.get_program());
    let mut command = super::room::like(&pyro, command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "found\nnameserver 10.0.2.3\nkept\nkept\ncopy\nnew one\nheard found\n500\ntold\n"
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == bytes);
    assert!(fs_err::read(sandbox.work().join("out/copy")).unwrap() == bytes);
    assert!(sandbox.work().join("out/new one").exists() && !old.exists());
    assert_eq!(
        fs_err::read_to_string(sandbox.work().join("in/a/file")).unwrap(),
        "found\n"
    );
}

/// Somebody on the loopback interface who is told a line, and says it again.
pub struct Hears {
    pub port: u16,
}

impl Hears {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(stream.try_clone().unwrap())
                    .read_line(&mut line)
                    .unwrap();
                stream
                    .write_all(format!("heard {line}").as_bytes())
                    .unwrap();
            }
        });
        Self { port }
    }
}
