#!/bin/sh
# Runs a program on two ranks with a network between them: two network namespaces that are joined by a link of a given
# rate. Needs root, iproute2 and MPICH.
#
#   sh bench/ranks/two-hosts.sh RATE COMMAND…      such as: sh bench/ranks/two-hosts.sh 1gbit node dist/bench/ranks/exchanges.js --threads 1
set -e
rate=$1
shift
a=paperweight-a-$$
b=paperweight-b-$$
trap 'ip netns del $a; ip netns del $b' EXIT
ip netns add $a
ip netns add $b
ip link add pwa$$ type veth peer name pwb$$
ip link set pwa$$ netns $a
ip link set pwb$$ netns $b
for side in "$a pwa$$ 1" "$b pwb$$ 2"; do
  # shellcheck disable=SC2086
  set -- $side "$@"
  ip -n "$1" address add 10.98.7."$3"/24 dev "$2"
  ip -n "$1" link set lo up
  ip -n "$1" link set "$2" up
  tc -n "$1" qdisc add dev "$2" root tbf rate "$rate" burst 512kb latency 50ms
  shift 3
done
# Without these, both of the libraries below MPICH would use shared memory: the host is the same.
MPIR_CVAR_NOLOCAL=1 UCX_TLS=tcp,self FI_PROVIDER=tcp \
  mpiexec.mpich -n 1 ip netns exec $a "$@" : -n 1 ip netns exec $b "$@"
