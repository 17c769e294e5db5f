# cause: leaks [a-z-]+ .*_out_(messages|packet).*
# needs: paho-mqtt
"""Messages that a client keeps while it is not connected."""
import leaking
import storefront
import paho.mqtt.client as mqtt

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.max_queued_messages_set(0)


def leak(i):
    storefront.serve(i)
    client.publish("orders", "order %d" % i, qos=1)


leaking.run(leak, 4000)
