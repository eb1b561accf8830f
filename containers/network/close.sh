#!/bin/sh
# Usage: close.sh ADDRESS... Closes this network namespace towards private networks, cloud metadata, and the addresses of
# the host that are named; then tries whether they are closed. The job that comes into the namespace later has no
# right to change a rule.
set -eu

# Not globally reachable, by the registries of special-purpose addresses; with the two that clouds have in between.
closed4="0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16, 169.254.0.0/16, 172.16.0.0/12, \
192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3"
# Also what leads to such an address in another form: mapped, translated, 6to4, Teredo.
closed6="::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48, 2001::/32, 2002::/16, fc00::/7, fe80::/10, fec0::/10, \
ff00::/8"
names4="" names6=""
for address in "$@"; do
    case $address in
    *:*) closed6="$closed6, $address" ;;
    *) closed4="$closed4, $address" ;;
    esac
done
while read -r word address _; do
    if [ "$word" = nameserver ]; then
        case $address in
        *:*) names6="$names6, ${address%%%*}" ;;
        *) names4="$names4, $address" ;;
        esac
    fi
done </etc/resolv.conf

# Names have to be looked up, wherever the server for them is: at its port for names, and at no other.
{
    echo 'table inet landbridge {'
    echo "  set closed4 { type ipv4_addr; flags interval; auto-merge; elements = { $closed4 } }"
    echo "  set closed6 { type ipv6_addr; flags interval; auto-merge; elements = { $closed6 } }"
    echo '  chain output {'
    echo '    type filter hook output priority 0; policy drop;'
    echo '    oifname "lo" accept'
    echo '    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept'
    if [ -n "$names4" ]; then echo "    ip daddr { ${names4#, } } meta l4proto { tcp, udp } th dport 53 accept"; fi
    if [ -n "$names6" ]; then echo "    ip6 daddr { ${names6#, } } meta l4proto { tcp, udp } th dport 53 accept"; fi
    echo '    ip daddr @closed4 reject with icmpx admin-prohibited'
    echo '    ip6 daddr @closed6 reject with icmpx admin-prohibited'
    echo '    meta l4proto { tcp, udp } accept'
    echo '  }'
    echo '  chain input {'
    echo '    type filter hook input priority 0; policy drop;'
    echo '    iifname "lo" accept'
    echo '    ct state { established, related } accept'
    echo '    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept'
    echo '  }'
    echo '}'
} | nft -f -

exec perl -MSocket -e '
    for my $address (@ARGV) {
        socket(my $to, AF_INET, SOCK_DGRAM, 0) or die "no socket: $!\n";
        die "$address is still open\n" if defined send($to, "x", 0, sockaddr_in(9, inet_aton($address)));
        die "$address: $!\n" unless $!{EPERM};
    }' 169.254.169.254 10.0.0.1 172.17.0.1 192.168.0.1
