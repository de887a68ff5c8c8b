#!/bin/sh
# A root file system that stands in for the image's base, from Debian's own packages, unpacked and not installed: the
# interpreter, the libraries it loads, certificates of authorities, a user, and no shell.
# Usage: tests/e2e/base.sh FOLDER PACKAGES_FOLDER
set -eu
root=$1 packages=$2
names="libc6 libgcc-s1 libstdc++6 zlib1g libssl3 libexpat1 libbz2-1.0 liblzma5 libffi8 libsqlite3-0 libuuid1 libcrypt1
  libtinfo6 libncursesw6 libreadline8 libdb5.3 libnsl2 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0
  libcom-err2 libkeyutils1 ca-certificates python3.11-minimal libpython3.11-minimal libpython3.11-stdlib"

mkdir -p "$packages" "$root"
if [ ! -e "$packages/complete" ]; then
  # shellcheck disable=SC2086 # words on purpose
  (cd "$packages" && apt-get --quiet=2 download $names && touch complete)
fi
for one in bin sbin lib lib64; do
  mkdir -p "$root/usr/$one"
  ln -sfn "usr/$one" "$root/$one"
done
for package in "$packages"/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
    --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/lintian
done
ln -sfn python3.11 "$root/usr/bin/python3"
mkdir -p "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
cat "$root"/usr/share/ca-certificates/*/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
echo 'nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
