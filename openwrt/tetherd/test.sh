#!/bin/sh
# What the packages' CI runs with the package's name and version.
[ "$1" = tetherd ] || exit 0
tetherd version | grep -F "$2" && tetherd check /etc/config/tetherd
