//! Small inputs that reach far into each parser.

use pyro::agent::frame::HEADER;
use pyro::agent::message::{Exec, Exit, Message, Stage, Stream};
use pyro::lock::Lock;
use pyro::model::manifest::EntryKind;
use pyro::model::path::{EntryPath, LinkTarget};
use pyro::model::recipe::{Layout, Recipe};
use pyro::model::tree::Tree;

use crate::tar_bytes::Tar;

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// The seeds of each target.
pub fn all() -> Vec<(&'static str, Seeds)> {
    vec![
        ("declaration", texts(&DECLARATIONS)),
        ("lock", texts(&LOCKS)),
        ("manifest", manifests()),
        ("oci_json", texts(&DOCUMENTS)),
        ("challenge", texts(&CHALLENGES)),
        ("tar", archives()),
        ("frames", talks()),
    ]
}

fn texts(texts: &[(&'static str, &str)]) -> Seeds {
    let bytes = |(name, text): &(&'static str, &str)| (*name, text.as_bytes().to_vec());
    texts.iter().map(bytes).collect()
}

const DECLARATIONS: [(&str, &str); 6] = [
    ("empty", "schema = 1\n"),
    (
        "whole",
        "schema = 1\nprofile = \"ci\"\n[environments.\"debian:12\"]\nversion = \"1.0.0\"\n\
         platforms = [\"linux/amd64\", \"linux/arm64\"]\nlayout = \"rootfs\"\n\
         artifacts = { kernel = \"vmlinux\", rootfs = \"rootfs.ext4\" }\ndescription = \"x\"\npackages = [\"a\"]\n\
         [[environments.\"debian:12\".sources]]\nlocal = \"profiles/x\"\n\
         [[environments.\"debian:12\".sources]]\noci = \"docker.io/example/debian-12:1.0.0\"\n\
         [[environments.\"debian:12\".sources]]\narchive = [\"https://example.org/a.tar.zst\", \"a.tar\"]\n\
         sha256 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\nstrip-components = 1\n",
    ),
    (
        "inline",
        "schema=1\nenvironments={a={version=\"1\",platform=\"linux/amd64\",sources=[{local=\".\"}]}}\n",
    ),
    (
        "unknown-keys",
        "schema = 1\nprofil = 1\n[environments.a]\nversio = \"1\"\nsources = [{loca = \"x\"}]\n",
    ),
    (
        "layout",
        "schema = 1\n[environments.a]\nversion = \"1\"\nsources = [{ oci = \"oci-layout:dir:tag\" }]\n",
    ),
    (
        "bad-toml",
        "schema = 1\n[environments.a\nversion = \"\"\"\n\\u{d800}",
    ),
];

const LOCKS: [(&str, &str); 5] = [
    ("empty", "schema = 1\n"),
    ("newer", "schema = 2\n"),
    (
        "pins",
        "schema = 1\n\n[[environment]]\nname = \"image\"\nplatform = \"linux/amd64\"\n\
         declaration = \"14b8902bb67171d1a699a13ade7641e2cbbe662b2ee4c34ef1512ef5e2dc3add\"\n\n\
         [[environment.source]]\noci = \"oci-layout:image:1.0.0\"\n\
         digest = \"sha256:ed76777dd2c24a9cf6252eb6c760e999f62ac454bb026cc305e43ad726b75c98\"\n\
         output = \"f9cad9fb71202965d3d15bbc150f01a033e6d46c758ed760cca3f481374ef3d2\"\n\
         input = \"b6f4811469f0fe492532090d81e6c29599b0676d21bc2cf52d62604ab9581cc2\"\nlayers = [\n    \
         { digest = \"sha256:9723874c49b5a694a2746c64ab00d8f4e75a667f1c5047b043f83cf6f6c0f247\", size = 6679 },\n]\n\n\
         [[environment]]\nname = \"tools\"\nplatform = \"linux/amd64\"\n\
         declaration = \"5a2717be499d3cc2f9cec8861edd28fd6bdc2cf83bf730752c433cf7ac864f23\"\n\n\
         [[environment.source]]\narchive = \"tools.tar.gz\"\n\
         sha256 = \"428e2365dd3530196d3f762a634540bc813461cbc40c4b8199cd59173b3914f1\"\nsize = 5143\n\n\
         [[environment.source]]\nlocal = \"x\"\n",
    ),
    (
        "conflict",
        "schema = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n",
    ),
    (
        "three-way",
        "schema = 1\n<<<<<<< ours\n||||||| base\n=======\n>>>>>>> theirs\n",
    ),
];

const DOCUMENTS: [(&str, &str); 7] = [
    (
        "index",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","size":7,"platform":{"os":"linux","architecture":"arm","variant":"v7"},"annotations":{"org.opencontainers.image.ref.name":"x"}}]}"#,
    ),
    (
        "manifest",
        r#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","size":2},"layers":[{"digest":"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","size":9,"urls":["https://x"]}]}"#,
    ),
    ("both", r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#),
    ("old", r#"{"schemaVersion":1,"fsLayers":[]}"#),
    (
        "config",
        r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]}}"#,
    ),
    ("nothing", "{}"),
    ("array", "[null,[[[[]]]]]"),
];

const CHALLENGES: [(&str, &str); 6] = [
    (
        "bearer",
        r#"Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull,push""#,
    ),
    (
        "two",
        r#"Bearer realm="https://a, b",error="x", Basic realm="r""#,
    ),
    ("two-headers", "Basic realm=r\nBearer realm=\"https://a\""),
    ("token68", "Negotiate YWJj==, Basic realm=x"),
    ("escapes", r#"Basic realm="a\"b\\", charset="UTF-8""#),
    ("broken", r#"=, ,"Basic realm="unclosed"#),
];

fn manifests() -> Seeds {
    let path = |text: &str| EntryPath::new(text.as_bytes()).unwrap();
    let file = |size: u64| EntryKind::File {
        size,
        executable: size % 2 == 1,
        blake3: pyro::model::digest::FileHash::of(b"x"),
    };
    let link = EntryKind::Symlink {
        target: LinkTarget::new(b"../\xff").unwrap(),
    };
    let of = |layout, entries: Vec<(EntryPath, EntryKind)>| {
        let mut tree = Tree::default();
        for (path, kind) in entries {
            tree.insert(path, kind).unwrap();
        }
        let recipe = Recipe {
            name: "debian:12".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            platform: "linux/amd64".parse().unwrap(),
            layout,
            artifacts: std::collections::BTreeMap::new(),
        };
        tree.into_manifest(&recipe).unwrap().to_bytes()
    };
    let odd = EntryPath::new(b"d/\xff\"\\").unwrap();
    vec![
        ("file", of(Layout::Files, vec![(path("a"), file(1))])),
        (
            "folders",
            of(Layout::Files, vec![(path("a/b/c"), EntryKind::Directory)]),
        ),
        (
            "rootfs",
            of(
                Layout::Rootfs,
                vec![(path("etc/x"), file(0)), (path("l"), link.clone())],
            ),
        ),
        (
            "odd",
            of(
                Layout::Files,
                vec![(odd, link), (path("z"), file((1 << 53) - 1))],
            ),
        ),
        ("newer", br#"{"schema":2}"#.to_vec()),
    ]
}

fn archives() -> Seeds {
    let t = Tar::new;
    let how = |how: u8, bytes: Vec<u8>| [&[how][..], &bytes].concat();
    let one_zero: [(&str, &[u8]); 3] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"5000"),
    ];
    let zero_one: [(&str, &[u8]); 3] = [
        ("GNU.sparse.size", b"900"),
        ("GNU.sparse.numblocks", b"1"),
        ("GNU.sparse.map", b"0,1"),
    ];
    let odd = t()
        .dir("d")
        .x("path", b"d/long")
        .file("f", "some content")
        .long(b'L', b"g")
        .file("f", "more")
        .symlink("l", "d")
        .hard_link("h", "g")
        .end();
    let sparse = t()
        .pax(b'x', &one_zero)
        .file("s", &format!("{:\0<512}x", "2\n0\n1\n5000\n0\n"))
        .pax(b'x', &zero_one)
        .file("t", "x")
        .gnu_sparse("u", 9000, &[(512, 3), (9000, 0)], b"xyz")
        .end();
    let layer = t()
        .dir("d")
        .file("d/.wh..wh..opq", "")
        .file(".wh.x", "")
        .device(b'3', "n", 1, 3)
        .mode("su", 0o4755)
        .end();
    let packed = zstd::encode_all(&odd[..], 1).unwrap();
    vec![
        ("files", how(0, odd.clone())),
        ("files-summed", how(8, odd.clone())),
        ("sparse-summed", how(8, sparse.clone())),
        ("layers-summed", how(11, layer.clone())),
        ("rootfs", how(1, odd)),
        ("sparse", how(0, sparse)),
        ("layers", how(3, layer)),
        ("zstd", how(4, packed)),
        (
            "gzip",
            how(
                4,
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x63\x60\x18\x05\xa3\0\0".to_vec(),
            ),
        ),
        ("size", how(0, t().x("size", b"512").file("a", "xyz").end())),
        (
            "global",
            how(0, t().pax(b'g', &[("comment", b"1")]).file("a", "").end()),
        ),
    ]
}

/// Both sides of talks. The first two bytes say in what pieces they come.
fn talks() -> Seeds {
    let of = |messages: &[Message<'_>]| {
        let mut bytes = vec![3, 40];
        for message in messages {
            message.append_to(&mut bytes).unwrap();
        }
        bytes
    };
    let exec = |terminal| Exec {
        uid: 0,
        gid: 1000,
        terminal,
        cwd: b"/work".to_vec(),
        argv: vec![b"sh".to_vec(), b"-c".to_vec(), b"\xff".to_vec(), Vec::new()],
        env: vec![
            (b"PATH".to_vec(), b"/bin:/usr/bin".to_vec()),
            (b"A".to_vec(), b"b=c".to_vec()),
        ],
    };
    let credit = |stream| Message::Credit {
        stream,
        bytes: 9000,
    };
    let commanded = of(&[Message::Exec(exec(None))]);
    // As many words as there are numbers, of which none came.
    let mut many = commanded[..2 + HEADER + 13 + 4 + 5].to_vec();
    many.extend_from_slice(&u32::MAX.to_le_bytes());
    let length = u32::try_from(many.len() - 2 - HEADER).unwrap();
    many[3..7].copy_from_slice(&length.to_le_bytes());
    vec![
        (
            "agent",
            of(&[
                Message::hello(),
                Message::Started,
                Message::Stdout(b"out\n"),
                credit(Stream::Stdin),
                Message::Stderr(b"\0\xff"),
                Message::Close(Stream::Stdin),
                Message::Exit(Exit::Code(3)),
            ]),
        ),
        (
            "host",
            of(&[
                Message::Exec(exec(None)),
                Message::Stdin(b"in"),
                credit(Stream::Stdout),
                Message::Signal(15),
                Message::Close(Stream::Stderr),
                Message::StdinEnd,
            ]),
        ),
        (
            "terminal",
            of(&[
                Message::Exec(exec(Some((24, 80)))),
                Message::Window {
                    rows: 50,
                    columns: 132,
                },
            ]),
        ),
        (
            "killed",
            of(&[
                Message::Started,
                Message::Stdout(b""),
                Message::Exit(Exit::Signal(9)),
            ]),
        ),
        (
            "failed",
            of(&[
                Message::hello(),
                Message::Failed {
                    stage: Stage::Folder,
                    errno: 2,
                },
            ]),
        ),
        ("trouble", of(&[Message::Trouble(b"cannot mount /dev/vda")])),
        ("newer", b"\0\0\x01\x0b\0\0\0pyro\x02\0\0\0and".to_vec()),
        ("long", b"\0\0\x07\x01\0\x10\0".to_vec()),
        ("unknown", b"\0\0\x0f\0\0\0\0".to_vec()),
        ("many", many),
        ("cut", commanded[..40].to_vec()),
    ]
}

/// A seed that is refused for a reason of its own reaches nowhere.
#[test]
fn the_seed_of_a_lock_with_pins_is_a_lock() {
    let (_, text) = LOCKS[2];
    let parsed = Lock::parse(text, "envs.lock".as_ref(), &|_, _| None).unwrap();
    assert_eq!(parsed.lock.blocks().count(), 2);
}
