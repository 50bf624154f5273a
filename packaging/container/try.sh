#!/bin/sh
# Builds the image and plays a first mail against it, without an engine: buildah builds and runs it in a changed root, on a
# base that debootstrap makes from the system's packages instead of one that a registry has. Needs root and Debian; takes
# about three minutes and 2 GB, and leaves nothing behind. `make image` runs it from the top of the source tree.
set -eu

for needed in buildah debootstrap; do
    command -v "$needed" >/dev/null || missing="${missing:-} $needed"
done
if [ -n "${missing:-}" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

place=$(mktemp -d /var/tmp/pillarbox-image-XXXXXX)
in_store() { buildah --root "$place/store" --runroot "$place/run" --storage-driver vfs "$@"; }
leave() {
    # The first thing in there is the number of the process.
    if [ -s "$place/served" ]; then
        kill -TERM "$(head -n 1 "$place/served")" 2>/dev/null || true
        wait
    fi
    in_store rm --all >/dev/null || true
    rm -rf "$place"
}
trap leave EXIT
trap 'exit 130' INT TERM

image=$(sed -n 's/^FROM \(python:[^ ]*\).*/\1/p' packaging/container/Containerfile | head -n 1)
release=${image##*-}
echo "Making $image from the packages of $release"
debootstrap --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates "$release" "$place/base" >"$place/log"
# What this machine trusts, and where it finds packages.
cp /etc/ssl/certs/ca-certificates.crt "$place/base/etc/ssl/certs/ca-certificates.crt"
if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$place/base/etc/pip.conf"; fi
base=$(in_store from scratch)
in_store copy --quiet "$base" "$place/base" / >/dev/null
in_store commit --quiet "$base" "docker.io/library/$image" >/dev/null
rm -rf "$place/base"

echo "Building the image"
in_store bud --quiet --isolation chroot --pull=never --format docker -f packaging/container/Containerfile -t pillarbox . >"$place/log"

# The network is that of this machine: the port is a free one, and so are those of SMTP.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
made=$(in_store from --pull=never localhost/pillarbox)
inside() {
    in_store run --isolation chroot --env "PILLARBOX_PORT=$port" --env PILLARBOX_SMTP_PORT=-1 --env PILLARBOX_SMTPS_PORT=-1 \
        --env PILLARBOX_RETURN_PATH_PORT=-1 "$made" -- "$@"
}
inside sh -c 'echo $$; exec pillarbox serve' >"$place/served" 2>&1 &
until inside python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/readyz', timeout=4)" 2>/dev/null; do
    kill -0 $! 2>/dev/null || { cat "$place/served"; exit 1; }
done
inside id
inside pillarbox identities vouch hello@example.com
sed -n '/^import boto3/,/^print/p' "$place/served" >"$place/snippet.py"
sent=$(.venv/bin/python "$place/snippet.py")
echo "Sent $sent"
until inside pillarbox history "$sent" | tee "$place/history" | grep -q "250 captured, not sent"; do
    kill -0 $! 2>/dev/null || { cat "$place/served"; exit 1; }
done
cat "$place/history"
