# TLS: a handshake of 1.2 and one of 1.3, with openssl's own server.
packages_tls=(openssl)
want_tls=2
port_tls=14433

start_tls() {
  openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=kernel.test -days 30 \
    -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
  serve openssl s_server -quiet -accept 127.0.0.1:$port_tls -cert "$folder/tls.crt" \
    -key "$folder/tls.key"
}

shake_tls() {
  openssl s_client -connect 127.0.0.1:$port_tls -servername kernel.test "$@" </dev/null 2>/dev/null
}

ready_tls() { shake_tls; }

exchange_tls() {
  shake_tls -tls1_2
  shake_tls -tls1_3
}

right_tls='map(select(.request.sni == "kernel.test" and .response.type == "server_hello"))'
