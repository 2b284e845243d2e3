FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY .ci/constraints.txt .ci/
RUN python -m venv /opt/qiao \
 && /opt/qiao/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0
COPY matching matching
COPY service service
COPY data data
RUN /opt/qiao/bin/pip install --no-cache-dir -c .ci/constraints.txt .

FROM python:3.11-slim
RUN useradd --create-home qiao
COPY --from=build /opt/qiao /opt/qiao
USER qiao
ENV PATH=/opt/qiao/bin:$PATH QIAO_CACHE_DIR=/home/qiao/.cache/qiao
WORKDIR /home/qiao
ENTRYPOINT ["qiao"]
CMD ["demo", "--no-serve"]
