#!/bin/sh
# Installs every rival that can be had here; one that cannot is left out and reported.
# Everything lands beside the rival's own files.
cd "$(dirname "$0")" || exit 1
API=${API:-http://127.0.0.1:9000}

left_out() { echo "· left out: $1" >&2; }
fetch() { (cd "$1" && npm ci --no-audit --no-fund >install.log 2>&1); }

fetch node || left_out "Apollo Server, Mercurius, Yoga (see bench/rivals/node/install.log)"

{ fetch mesh && (cd mesh && UPSTREAM=$API npx mesh-compose -c mesh.config.mjs \
  -o supergraph.graphql >>install.log 2>&1); } ||
  left_out "Hive Gateway (see bench/rivals/mesh/install.log)"

# Tailcall's program wants a newer C library than Debian 12 has: trixie's is unpacked beside it,
# and it is started through that one's loader. The archive is the one this machine uses.
tailcall() {
  fetch tailcall || return 1
  cd tailcall || return 1
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -v security | head -1)
  mkdir -p trixie/lists/partial trixie/cache/archives/partial trixie/state
  echo "deb $archive trixie main" >trixie/sources.list
  set -- -qq -o "Dir::Etc::sourcelist=$PWD/trixie/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$PWD/trixie/lists" -o "Dir::Cache=$PWD/trixie/cache"
  (apt-get "$@" update && cd trixie && apt-get "$@" download libc6 libgcc-s1) >>install.log 2>&1 ||
    return 1
  for package in trixie/*.deb; do dpkg -x "$package" trixie; done
}
(tailcall) || left_out "Tailcall (see bench/rivals/tailcall/install.log)"
