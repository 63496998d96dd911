# Redis: one command.
packages_redis=(redis-server redis-tools)
want_redis=1
port_redis=16379

start_redis() {
  serve redis-server --port $port_redis --bind 127.0.0.1 --save '' --dir "$folder"
}

ready_redis() { redis-cli -p $port_redis ping; }

exchange_redis() { redis-cli -p $port_redis set key value; }

right_redis='map(select(.request.command == "SET"))'
