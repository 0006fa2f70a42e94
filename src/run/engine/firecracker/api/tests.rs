//! The documents of the API, and answers that are none.

use std::net::Shutdown;

use proptest::prelude::*;

use super::super::{Numbers, START, requests};
use super::*;
use crate::run::machine::Size;

const PATIENT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn the_documents_of_a_machine() {
    let size = Size {
        vcpus: 2,
        memory_mib: 256,
        scratch: None,
    };
    let numbers = Numbers {
        kernel: 3,
        initrd: 4,
        image: 5,
    };
    let mut text = String::new();
    for request in requests(size, numbers).into_iter().chain([START]) {
        text += request.asked();
        text += "\n";
        text += &serde_json::to_string_pretty(&request).unwrap();
        text += "\n";
    }
    insta::assert_snapshot!(text, @r#"
    PUT /machine-config
    {
      "vcpu_count": 2,
      "mem_size_mib": 256
    }
    PUT /boot-source
    {
      "kernel_image_path": "/proc/self/fd/3",
      "initrd_path": "/proc/self/fd/4",
      "boot_args": "quiet panic=-1 cryptomgr.notests lsm= audit=0 random.trust_cpu=on reboot=k pci=off console=ttyS0"
    }
    PUT /drives/rootfs
    {
      "drive_id": "rootfs",
      "path_on_host": "/proc/self/fd/5",
      "is_root_device": false,
      "is_read_only": true
    }
    PUT /vsock
    {
      "guest_cid": 3,
      "uds_path": "vsock"
    }
    PUT /entropy
    {}
    PUT /actions
    {
      "action_type": "InstanceStart"
    }
    "#);
}

#[test]
fn a_request_is_plain_http() {
    let bytes = Request::Entropy {}.bytes().unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap().replace('\r', "<CR>"), @"
    PUT /entropy HTTP/1.1<CR>
    Host: localhost<CR>
    Accept: application/json<CR>
    Content-Type: application/json<CR>
    Content-Length: 2<CR>
    <CR>
    {}
    ");
}

/// What comes of a request when this is the answer, and then nothing or the end.
fn asked(answer: &[u8], ends: bool, limit: Duration) -> Result<(), ApiError> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(answer).unwrap();
    if ends {
        theirs.shutdown(Shutdown::Write).unwrap();
    }
    Client::over(ours, limit).put(&Request::Entropy {})
}

#[test]
fn yes_is_heard_once_for_each_request() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    // As Firecracker says it, and with a body.
    theirs
        .write_all(b"HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n")
        .unwrap();
    theirs
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        .unwrap();
    let mut client = Client::over(ours, SHORT);
    client.put(&Request::Entropy {}).unwrap();
    client.put(&Request::Entropy {}).unwrap();
    let third = client.put(&Request::Entropy {}).unwrap_err().to_string();
    assert_eq!(third, "did not answer `PUT /entropy` within 0.05 seconds");
}

#[test]
fn a_refusal_says_why() {
    let refusal = |body: &str| {
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        asked((head + body).as_bytes(), false, PATIENT)
            .unwrap_err()
            .to_string()
    };
    let fault = r#"{"fault_message": "The kernel file cannot be opened"}"#;
    assert_eq!(
        refusal(fault),
        "refused `PUT /entropy` (400): The kernel file cannot be opened"
    );
    // Whatever else it says is told as it is.
    assert_eq!(refusal("no"), "refused `PUT /entropy` (400): no");
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let hung_up = [
        &b""[..],
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ];
    for answer in hung_up {
        let error = asked(answer, true, PATIENT).unwrap_err();
        assert_eq!(error.to_string(), "hung up at `PUT /entropy`");
        // The same without an end is silence.
        let error = asked(answer, false, SHORT).unwrap_err();
        assert!(matches!(error, ApiError::Silent { .. }), "{error}");
    }
    let long = [&b"HTTP/1.1 200 OK\r\nX: "[..], &vec![b'x'; MOST]].concat();
    let garbage: [(&[u8], &str); 6] = [
        (b"SSH-2.0-x\r\n", "invalid HTTP version"),
        (b"HTTP/1.1 301 Away\r\n\r\n", "its status is 301"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "it comes in chunks",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "it has no length that is a number",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
            "it is longer than 65536 bytes",
        ),
        (&long, "it is longer than 65536 bytes"),
    ];
    for (answer, why) in garbage {
        let error = asked(answer, false, PATIENT).unwrap_err().to_string();
        assert_eq!(error, format!("gave no answer to `PUT /entropy`: {why}"));
    }
}

#[test]
fn who_does_not_listen_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing can ever be read of the first; the other has ended.
    let (silent, _open) = UnixStream::pair().unwrap();
    let (ended, _) = UnixStream::pair().unwrap();
    let connect = |process: &UnixStream, limit| {
        use std::os::fd::AsFd as _;
        Client::connect(&folder.path().join("api"), process.as_fd(), limit)
    };
    let deaf = connect(&silent, SHORT).unwrap_err().to_string();
    assert_eq!(deaf, "did not listen within 0.05 seconds");
    let ended = connect(&ended, PATIENT).unwrap_err().to_string();
    assert_eq!(ended, "ended before it could be told anything");
    fs_err::write(folder.path().join("api"), "").unwrap();
    let other = connect(&silent, SHORT).unwrap_err().to_string();
    assert_eq!(other, "did not listen within 0.05 seconds");
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for head in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 400 \r\nContent-Length: "] {
            let bytes = [head.as_bytes(), &bytes].concat();
            if let Ok(Some((answer, length))) = Answer::parse(&bytes) {
                prop_assert!(length <= bytes.len() && answer.body.len() <= length);
                let _text = answer.fault();
            }
        }
    }
}
