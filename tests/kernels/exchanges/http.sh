# HTTP: 26 requests to nginx, 10 on one connection, 10 on one each, one with a body of 100 KiB, and 5
# inside TLS, on two connections.
packages_http=(nginx curl openssl)
want_http=26
port_http=18080
port_https=18443

start_http() {
  mkdir -p "$folder/www"
  local i
  for i in {1..25}; do echo "page $i" >"$folder/www/$i"; done
  head -c 102400 /dev/zero | tr '\0' x >"$folder/www/large"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
    -keyout "$folder/key.pem" -out "$folder/cert.pem" 2>/dev/null
  cat >"$folder/nginx.conf" <<CONF
user root;
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx.log;
events {}
http {
  access_log off;
  sendfile off;
  output_buffers 1 64k;
  server {
    listen 127.0.0.1:$port_http;
    listen 127.0.0.1:$port_https ssl;
    ssl_certificate $folder/cert.pem;
    ssl_certificate_key $folder/key.pem;
    root $folder/www;
  }
}
CONF
  serve nginx -c "$folder/nginx.conf"
}

ready_http() { curl -s "http://127.0.0.1:$port_http/1"; }

exchange_http() {
  local urls=() i
  for i in {1..10}; do urls+=("http://127.0.0.1:$port_http/$i"); done
  curl -s "${urls[@]}"
  for i in {11..20}; do curl -s "http://127.0.0.1:$port_http/$i"; done
  curl -s "http://127.0.0.1:$port_http/large"
  for i in {21..24}; do urls+=("https://127.0.0.1:$port_https/$i"); done
  curl -sk "${urls[@]: -4}"
  curl -sk "https://127.0.0.1:$port_https/25"
}

right_http='map(select(.response.status == 200 and
    (.tls.library == "openssl") == (.request.path | test("^/2[1-5]$")) and
    (.request.path == "/large" and .response.body_bytes == 102400 or
      (.request.path | test("^/[0-9]+$"))))) | unique_by([.role, .request.path])'
