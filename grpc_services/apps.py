from django.apps import AppConfig


class GrpcServicesConfig(AppConfig):
    name = "grpc_services"
