"""A store of Nix's own for a measurement."""
import os


def nix_store(work):
    """The folder of a new store below `work`, and the environment in which Nix's commands use it."""
    root = work / "nix"
    (root / "etc").mkdir(parents=True)
    (root / "etc/nix.conf").write_text("sandbox = false\nbuild-users-group =\n")
    return root, {**os.environ, "NIX_STORE_DIR": str(root / "store"), "NIX_STATE_DIR": str(root / "var"),
                  "NIX_LOG_DIR": str(root / "log"), "NIX_CONF_DIR": str(root / "etc"), "HOME": str(work),
                  "NIX_REMOTE": "", "_NIX_TEST_NO_SANDBOX": "1"}
