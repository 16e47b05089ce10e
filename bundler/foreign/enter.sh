#!/bin/sh
# Runs a command inside another system, in name spaces of its own: nothing of this machine is changed.
#   enter.sh ROOT RULE [FOLDER PLACE]… -- COMMAND …
# ROOT          the system's folder
# RULE          how the kernel starts programs for its processor (binfmt_misc), used where it cannot yet
# FOLDER PLACE  a folder of this machine, and where the command finds it
set -eu
root=$1 rule=$2
shift 2

# The system itself stays as it was unpacked.
mount --bind "$root" "$root"
cd "$root"
for place in dev proc rules tmp; do mkdir -p "./$place"; done
mount -t tmpfs none ./tmp
mount --rbind /dev ./dev
mount --rbind /proc ./proc
while [ "$1" != -- ]; do
  mkdir -p ".$2"
  mount --rbind "$1" ".$2"
  shift 2
done
shift
mount -o remount,bind,ro .
if ! chroot . /bin/true 2>/dev/null; then
  # Since Linux 6.7 every user name space has rules of its own. Before, only the machine's administrator can set them.
  mount -t binfmt_misc none ./rules
  printf %s "$rule" >./rules/register
fi
exec chroot . "$@"
