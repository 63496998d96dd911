# DNS: three questions to dnsmasq, dig's and getent's two, which sendmmsg() sends.
packages_dns=(dnsmasq bind9-dnsutils)
want_dns=3

start_dns() {
  echo nameserver 127.0.0.1 >"$folder/resolv.conf"
  mount --bind "$folder/resolv.conf" /etc/resolv.conf
  serve dnsmasq --no-daemon --no-resolv --no-hosts --user=root --listen-address=127.0.0.1 \
    --bind-interfaces --host-record=kernel.test,192.0.2.1,2001:db8::1
}

ready_dns() { dig +tries=1 @127.0.0.1 kernel.test; }

exchange_dns() {
  dig +tries=1 +timeout=30 @127.0.0.1 kernel.test
  RES_OPTIONS="timeout:30 attempts:1" getent ahosts kernel.test
}

right_dns='map(select(.response.rcode == "NOERROR" and .remote != null))'
